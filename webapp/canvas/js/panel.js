// Buttons, chips, figures and messages around the panes. Text goes in as textContent only.

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
  const add = make("button", { type: "button", textContent: "+ " + app.labels.new_object, title: app.labels.new_object_hint });
  add.dataset.do = "new_object";
  row.replaceChildren(...app.shown.objects.map((item) => chip(app, item)), add);
}

function percent(value) {
  return (100 * value).toFixed(1) + " %";
}

function milliseconds(value) {
  return (value < 10 ? value.toFixed(1) : value.toFixed(0)) + " ms";
}

function stage(app, value) {
  return value > 0 ? milliseconds(value) : app.labels.reused;
}

function promptsUsed(app, item) {
  const clicks = String(item.clicks.length);
  return item.box ? app.labels.clicks_box.replace("{clicks}", clicks) : clicks;
}

function figures(app, item, answer) {
  const labels = app.labels, times = answer.timings;
  const rows = [
    [labels.agreement, percent(answer.iou), "iou"],
    [labels.prompts, promptsUsed(app, item), "prompts"],
    [labels.encode, stage(app, times.encode), "encode"],
    [labels.augment, stage(app, times.augment), "augment"],
    [labels.base_time, milliseconds(times.base), "base-time"],
    [labels.refine, milliseconds(times.refine), "refine"],
    [labels.total, milliseconds(times.total), "total"],
  ];
  if (app.seen) rows.push([labels.seen, milliseconds(app.seen), "seen"]);
  return rows;
}

function showFigures(app) {
  const list = app.root.querySelector(".facts");
  const item = chosenObject(app);
  const answer = item && item.answer !== null && app.answers.get(item.answer);
  const rows = answer ? figures(app, item, answer) : [];
  ["base", "refined"].forEach((model, index) => {
    app.root.querySelector(".pane." + model + " i").textContent = answer
      ? app.labels.quality + " " + percent(answer.quality[index]) : "";
  });
  list.replaceChildren(...rows.map(([label, value, name]) => {
    const row = make("div", {}, [make("dt", { textContent: label }), make("dd", { textContent: value })]);
    row.dataset.fact = name;
    return row;
  }));
}

function showPicture(app) {
  const picture = app.picture, line = app.root.querySelector(".about-picture");
  if (!picture) return;
  const size = picture.width + "×" + picture.height, original = picture.original.join("×");
  const scaled = app.labels.scaled.replace("{to}", size).replace("{from}", original);
  const parts = [picture.label, size === original ? size : scaled, picture.licence];
  line.textContent = parts.filter(Boolean).join(" · ");
  for (const button of app.root.querySelectorAll("[data-example]")) {
    button.setAttribute("aria-pressed", String(button.dataset.label === picture.label));
  }
}

function showStatus(app) {
  const busy = app.flight || app.pending.length || app.unsent.length;
  const prompted = app.shown.objects.some((item) => item.clicks.length || item.box);
  let text = "";
  if (app.opening || !app.loaded) text = app.labels.opening;
  else if (!app.picture) text = app.labels.open_hint;
  else if (app.held.length) text = app.labels.held.replace("{count}", app.held.length);
  else if (busy) text = app.labels.busy;
  else if (app.tool === "box") text = app.labels.box_status;
  else if (!prompted) text = app.labels.empty;
  const line = app.root.querySelector(".status");
  if (line.textContent !== text) line.textContent = text;
  app.stage.classList.toggle("waiting", Boolean(app.opening));
}

function showCaption(app) {
  const caption = app.root.querySelector(".pane.single figcaption");
  if (caption.dataset.mode === app.mode) return;
  caption.dataset.mode = app.mode;
  if (app.mode === "swipe") {
    caption.replaceChildren(
      make("span", { textContent: app.labels.base }), make("span", { textContent: app.labels.refined }),
    );
    return;
  }
  const keys = make("span");
  for (const [name, label] of [["base", "only_base"], ["refined", "only_refined"], ["both", "both"]]) {
    const key = make("span", { className: "key", textContent: app.labels[label] });
    key.style.setProperty("--swatch", MODEL_COLORS[name]);
    keys.append(key);
  }
  caption.replaceChildren(make("span", { textContent: app.labels.difference }), keys);
}

function enable(app) {
  const item = chosenObject(app);
  const find = (name) => app.root.querySelector('[data-do="' + name + '"]');
  const waiting = app.pending.length + app.unsent.length > 0;
  find("undo").disabled = !(app.server.can_undo || waiting);
  find("redo").disabled = !app.server.can_redo || waiting;
  find("clear").disabled = !item || !(item.clicks.length || item.box);
  find("reset").disabled = !app.picture;
  find("largest").disabled = !item || item.answer === null;
  for (const button of app.root.querySelectorAll("[data-export]")) {
    const all = button.dataset.export === "json" || button.dataset.export === "overlay";
    button.disabled = all ? !app.shown.objects.some((one) => one.answer !== null)
      : !item || item.answer === null;
  }
}

function showPanel(app) {
  press(app.root.querySelectorAll("[data-tool]"), "tool", app.tool);
  press(app.root.querySelectorAll("[data-view]"), "view", app.mode);
  app.stage.classList.toggle("touch-all", app.tool === "box" || app.view.zoom > 1);
  showObjects(app);
  showFigures(app);
  showPicture(app);
  showStatus(app);
  showCaption(app);
  enable(app);
}
