// Keys, while the panes have the focus, and what the buttons do.

const MODES = ["overlay", "contour", "cutout", "difference", "swipe"];

function setMode(app, mode) {
  app.mode = mode;
  const single = mode === "difference" || mode === "swipe";
  app.stage.classList.toggle("single", single);
  for (const pane of app.panes) pane.figure.hidden = (pane.model === "single") !== single;
  app.layout();
}

function setOpacity(app, value) {
  app.opacity = Math.min(Math.max(value, 0), 1);
  app.root.querySelector(".opacity input").value = Math.round(100 * app.opacity);
  app.redraw();
}

function visiblePane(app) {
  return app.panes.find((pane) => !pane.figure.hidden);
}

function zoomMiddle(app, factor) {
  if (!app.picture) return;
  const pane = visiblePane(app);
  zoomAt(app.view, pane, app.picture, pane.width / 2, pane.height / 2, factor);
  app.redraw();
}

function showLargest(app) {
  const item = chosenObject(app);
  const answer = item && answerOf(app, item.answer);
  const region = answer && largestDifference(answer);
  if (region) showRegion(app.view, visiblePane(app), app.picture, ...region);
  app.redraw();
}

function deleteKey(app, event) {
  if (event.shiftKey) return COMMANDS.clear(app);
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

const COMMANDS = {
  open: (app) => app.root.querySelector(".file").click(),
  undo,
  redo: (app) => edit(app, { type: "redo" }),
  clear: (app) => edit(app, { type: "clear", object: app.selected }),
  reset: (app) => edit(app, { type: "reset" }),
  new_object: addObject,
  zoom_in: (app) => zoomMiddle(app, 1.5),
  zoom_out: (app) => zoomMiddle(app, 1 / 1.5),
  fit: (app) => {
    if (app.picture) resetView(app.view, app.picture);
    app.redraw();
  },
  largest: showLargest,
  help: (app) => app.root.querySelector("dialog.help").showModal(),
  close: (app) => app.root.querySelector("dialog.help").close(),
};

const KEYS = {
  q: (app) => { app.tool = "positive"; },
  e: (app) => { app.tool = "negative"; },
  t: (app) => { app.tool = app.tool === "negative" ? "positive" : "negative"; },
  b: (app) => { app.tool = app.tool === "box" ? "positive" : "box"; },
  n: addObject,
  delete: deleteKey,
  backspace: deleteKey,
  escape: (app) => { app.held = []; cancelPress(app); },
  0: COMMANDS.fit,
  l: showLargest,
  v: (app, event) => {
    const step = event.shiftKey ? MODES.length - 1 : 1;
    setMode(app, MODES[(MODES.indexOf(app.mode) + step) % MODES.length]);
  },
  "[": (app) => setOpacity(app, app.opacity - 0.1),
  "]": (app) => setOpacity(app, app.opacity + 0.1),
  "?": COMMANDS.help,
};

function pressKey(app, event) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) COMMANDS.redo(app);
    else COMMANDS.undo(app);
    return;
  }
  if (event.altKey) return;
  const item = /^[1-9]$/.test(key) ? app.shown.objects[Number(key) - 1] : null;
  if (key === " ") app.space = true;
  else if (item) app.selected = item.id;
  else if (KEYS[key]) KEYS[key](app, event);
  else return;
  event.preventDefault();
  app.stage.classList.toggle("panning", app.space);
  app.redraw();
}

function releaseKey(app, event) {
  if (event.key === " ") app.space = false;
  if (event.key === "Control" || event.key === "Meta") flushHeld(app);
  app.stage.classList.toggle("panning", app.space);
}

function clickButton(app, event) {
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  const data = button.dataset;
  if (data.do) COMMANDS[data.do](app);
  else if (data.tool) app.tool = data.tool;
  else if (data.view) setMode(app, data.view);
  else if (data.object) app.selected = Number(data.object);
  else if (data.remove) edit(app, { type: "remove_object", object: Number(data.remove) });
  else if (data.example) openExample(app, data.example);
  else if (data.export) askExport(app, data);
  app.redraw();
}

function listenKeys(app) {
  app.stage.addEventListener("keydown", (event) => pressKey(app, event));
  app.stage.addEventListener("keyup", (event) => releaseKey(app, event));
  app.stage.addEventListener("blur", () => {
    app.space = false;
    flushHeld(app);
  });
  app.root.addEventListener("click", (event) => clickButton(app, event));
  app.root.querySelector(".opacity input").addEventListener("input", (event) => {
    setOpacity(app, Number(event.target.value) / 100);
  });
}
