// Buttons and chips around the panes. Text goes in as textContent only.
studio.panel = (() => {
  const { ERROR_COLORS, MODEL_COLORS, rgb } = studio.painting;

  const KEYS = {
    difference: [["only_base", MODEL_COLORS.base], ["only_refined", MODEL_COLORS.refined], ["both", MODEL_COLORS.both]],
    errors: Object.entries(ERROR_COLORS),
  };

  function make(tag, options, children) {
    const node = Object.assign(document.createElement(tag), options || {});
    if (children) node.append(...children);
    return node;
  }

  function press(buttons, name, chosen) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset[name] === chosen));
  }

  function showExamples(app, examples) {
    const strip = app.root.querySelector(".examples");
    strip.replaceChildren(...examples.map((example) => {
      const image = make("img", { src: example.thumbnail.url, alt: "", width: 76, height: 56 });
      const button = make("button", { type: "button", title: example.label }, [
        image, make("span", { textContent: example.label }),
      ]);
      button.dataset.example = example.name;
      button.dataset.label = example.label;
      return button;
    }));
  }

  function chip(app, item) {
    const dot = make("span", { className: "dot" });
    dot.style.background = rgb(app.colors[item.slot % app.colors.length]);
    const number = item.slot + 1, name = app.labels.object + " " + number;
    const chosen = item.id === app.selected;
    const button = make("button", { type: "button", title: name }, [
      dot, make("span", { textContent: chosen ? name : number }),
    ]);
    button.dataset.object = item.id;
    button.setAttribute("aria-pressed", String(chosen));
    if (!chosen) return make("div", { className: "group chip" }, [button]);
    const remove = make("button", { type: "button", textContent: "×" });
    remove.dataset.remove = item.id;
    remove.title = app.labels.remove_object;
    remove.setAttribute("aria-label", app.labels.remove_object + " " + number);
    return make("div", { className: "group chip" }, [button, remove]);
  }

  function showObjects(app) {
    const row = app.root.querySelector(".objects");
    const state = JSON.stringify([app.selected, app.shown.objects.map((item) => [item.id, item.slot])]);
    if (row.dataset.state === state) return;
    row.dataset.state = state;
    const add = make("button", { type: "button", title: app.labels.new_object_hint }, [
      "+", make("span", { textContent: " " + app.labels.new_object }),
    ]);
    add.setAttribute("aria-label", app.labels.new_object);
    add.dataset.do = "new_object";
    const focused = row.contains(document.activeElement);
    row.replaceChildren(...app.shown.objects.map((item) => chip(app, item)), add);
    if (focused) row.querySelector('[aria-pressed="true"]').focus();
  }

  function percent(value) {
    return (100 * value).toFixed(1) + " %";
  }

  function milliseconds(value) {
    return (value < 10 ? value.toFixed(1) : value.toFixed(0)) + " ms";
  }

  // What the page says while it waits: that it does, or after how many others its turn is.
  function waitingText(app, label) {
    return app.place > 1 ? app.labels.in_line.replace("{place}", app.place) : app.labels[label];
  }

  // What an opening is at: a file is sent, or the server works on it.
  function openingText(app) {
    if (!app.sending) return waitingText(app, "opening");
    const { sent, all } = app.sending, [unit, bytes, digits] = all < 1e6 ? ["kB", 1e3, 0] : ["MB", 1e6, 1];
    return app.labels.sending.replace("{percent}", Math.floor((100 * sent) / all)).replace("{unit}", unit)
      .replace("{sent}", (sent / bytes).toFixed(digits)).replace("{all}", (all / bytes).toFixed(digits));
  }

  function promptsUsed(app, item) {
    const clicks = String(item.clicks.length);
    const used = item.box ? app.labels.clicks_box.replace("{clicks}", clicks) : clicks;
    return item.given ? app.labels.with_mask.replace("{prompts}", used) : used;
  }

  function showCaption(app) {
    const caption = app.root.querySelector(".pane.single figcaption");
    if (caption.dataset.shown === app.viewName) return;
    caption.dataset.shown = app.viewName;
    if (app.viewName === "swipe") {
      caption.replaceChildren(
        make("span", { textContent: app.labels.base }), make("span", { textContent: app.labels.refined }),
      );
      return;
    }
    const keys = make("span");
    for (const [label, color] of KEYS[app.viewName] || []) {
      const key = make("span", { className: "key", textContent: app.labels[label] });
      key.style.setProperty("--swatch", color);
      keys.append(key);
    }
    caption.replaceChildren(make("span", { textContent: app.labels[app.viewName] }), keys);
  }

  return {
    make, milliseconds, openingText, percent, press, promptsUsed, showCaption, showExamples, showObjects, waitingText,
  };
})();
