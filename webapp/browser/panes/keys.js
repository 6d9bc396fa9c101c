// Keys, while the panes have the focus, and what the buttons do.
studio.keys = (() => {
  const { clampView, resetView, seenMiddle, zoomAt } = studio.geometry;
  const { addObject, edit } = studio.scene;
  const { cancelPress, deleteMarker } = studio.pointer;
  const { openExample } = studio.files;

  const SIGNS = { BracketLeft: "[", BracketRight: "]", Comma: ",", Period: "." };

  function setMode(app, name) {
    app.viewName = name;
    const single = ["difference", "errors", "swipe"].includes(name);
    app.stage.classList.toggle("single", single);
    for (const pane of app.panes) pane.figure.hidden = (pane.model === "single") !== single;
    app.layout();
  }

  // The next view in the order of their buttons.
  function stepView(app, by) {
    const names = [...app.root.querySelectorAll("[data-view]:enabled")].map((button) => button.dataset.view);
    setMode(app, names[(names.indexOf(app.viewName) + by + names.length) % names.length]);
  }

  function setOpacity(app, value) {
    app.opacity = Math.min(Math.max(value, 0), 1);
    app.root.querySelector(".opacity input").value = Math.round(100 * app.opacity);
    app.redraw();
  }

  function visiblePane(app) {
    return app.panes.find((pane) => !pane.figure.hidden);
  }

  function zoom(app, factor) {
    if (!app.picture) return;
    const pane = visiblePane(app);
    zoomAt(app.view, pane, app.picture, ...seenMiddle(app.view, pane, app.picture), factor);
    app.redraw();
  }

  function fit(app) {
    if (!app.picture) return;
    resetView(app.view, app.picture);
    clampView(app.view, visiblePane(app), app.picture);
    app.redraw();
  }

  function deleteKey(app, event) {
    if (event.shiftKey) return app.commands.clear();
    if (app.hovered) return deleteMarker(app, app.hovered);
    return edit(app, { type: "remove_object", object: app.selected });
  }

  function flushHeld(app) {
    if (!app.held.length) return;
    const clicks = app.held;
    app.held = [];
    edit(app, ...clicks);
  }

  function undo(app) {
    if (app.held.length) app.held.pop();
    else edit(app, { type: "undo" });
    app.redraw();
  }

  // What a picture and a clip have in common.
  function basics(app) {
    const dialog = app.root.querySelector("dialog.help");
    const remove = (event) => deleteKey(app, event);
    return {
      commands: {
        open: () => app.root.querySelector(".file").click(),
        undo: () => undo(app),
        redo: () => edit(app, { type: "redo" }),
        clear: () => edit(app, { type: "clear", object: app.selected }),
        reset: () => edit(app, { type: "reset" }),
        new_object: () => addObject(app),
        zoom_in: () => zoom(app, 1.5),
        zoom_out: () => zoom(app, 1 / 1.5),
        fit: () => fit(app),
        help: () => dialog.showModal(),
        close: () => dialog.close(),
      },
      keys: {
        q: () => { app.tool = "positive"; },
        e: () => { app.tool = "negative"; },
        t: () => { app.tool = app.tool === "negative" ? "positive" : "negative"; },
        b: () => { app.tool = app.tool === "box" ? "positive" : "box"; },
        n: () => addObject(app),
        delete: remove,
        backspace: remove,
        escape: () => {
          app.held = [];
          cancelPress(app);
        },
        0: () => fit(app),
        v: (event) => stepView(app, event.shiftKey ? -1 : 1),
        "[": () => setOpacity(app, app.opacity - 0.1),
        "]": () => setOpacity(app, app.opacity + 0.1),
        "?": () => dialog.showModal(),
      },
    };
  }

  // What a key or a button's name does now, if anything.
  function actionOf(app, table, name) {
    const mode = app.modes.find((one) => one.active() && one[table] && one[table][name]);
    return mode ? mode[table][name] : app[table][name];
  }

  // The place of a key, by what is there on a US keyboard; empty if another layout means more by it.
  function placeOf(event) {
    const place = /^(Key|Digit)(.)$/.exec(event.code);
    if (place && place[1] === "Digit") return event.shiftKey ? "" : place[2];
    if (/^[!-~]$/.test(event.key)) return "";
    if (place) return place[2].toLowerCase();
    return (event.shiftKey ? { Slash: "?" } : SIGNS)[event.code] || "";
  }

  // What a key may mean: its own sign, else, as on other alphabets and with input methods, its place.
  function meaningsOf(event) {
    const key = event.key.toLowerCase();
    return [key, placeOf(event)].filter((name) => name.length);
  }

  function pressKey(app, event) {
    if (event.altKey || event.getModifierState("AltGraph")) return;
    const names = meaningsOf(event);
    if (event.ctrlKey || event.metaKey) {
      const key = names.find((name) => name === "z" || name === "y");
      if (!key) return;
      event.preventDefault();
      actionOf(app, "commands", key === "y" || event.shiftKey ? "redo" : "undo")(event);
      return;
    }
    const number = names.find((name) => /^[1-9]$/.test(name));
    const item = number ? app.shown.objects[Number(number) - 1] : null;
    const action = names.map((name) => actionOf(app, "keys", name)).find(Boolean);
    if (event.key === " ") app.space = true;
    else if (item) app.selected = item.id;
    else if (action) action(event);
    else return;
    event.preventDefault();
    app.stage.classList.toggle("panning", app.space);
    app.redraw();
  }

  function releaseSpace(app) {
    app.space = false;
    app.stage.classList.remove("panning");
  }

  function releaseKey(app, event) {
    if (event.key === " ") releaseSpace(app);
    if (event.key === "Control" || event.key === "Meta") flushHeld(app);
  }

  function clickButton(app, event) {
    const button = event.target.closest("button");
    if (!button || button.disabled) return;
    const data = button.dataset;
    if (data.do) actionOf(app, "commands", data.do)(event);
    else if (data.tool) app.tool = data.tool;
    else if (data.view) setMode(app, data.view);
    else if (data.object) app.selected = Number(data.object);
    else if (data.remove) edit(app, { type: "remove_object", object: Number(data.remove) });
    else if (data.example) openExample(app, data.example);
    else if (data.export) app.doc.export(app, data);
    app.redraw();
  }

  // A key may be pressed on one control and let go on another, or in another window.
  function listenKeys(app) {
    const release = (event) => {
      if (!app.root.isConnected) document.removeEventListener("keyup", release, true);
      else releaseKey(app, event);
    };
    document.addEventListener("keyup", release, true);
    app.stage.addEventListener("keydown", (event) => pressKey(app, event));
    app.root.addEventListener("focusout", () => releaseSpace(app));
    app.stage.addEventListener("blur", () => flushHeld(app));
    app.root.addEventListener("click", (event) => clickButton(app, event));
    app.root.querySelector(".opacity input").addEventListener("input", (event) => {
      setOpacity(app, Number(event.target.value) / 100);
    });
  }

  return { basics, listenKeys, pressKey, setMode, visiblePane };
})();
