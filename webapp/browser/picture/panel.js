// Figures and messages of a picture. Text goes in as textContent only.
studio.picturePanel = (() => {
  const {
    make, milliseconds, openingText, percent, press, promptsUsed, showCaption, showObjects, waitingText,
  } = studio.panel;
  const { chosenObject, openEdits } = studio.scene;

  function stage(app, value) {
    return value > 0 ? milliseconds(value) : app.labels.reused;
  }

  // Whether edits are open, or anything else that makes people wait is under way.
  function isBusy(app) {
    return openEdits(app).length > 0 || app.features.some((feature) => feature.busy && feature.busy());
  }

  function figures(app, item, answer) {
    const labels = app.labels, times = answer.timings, { differences } = answer;
    const rows = [
      [labels.agreement, differences ? percent(differences.iou) : "…", "iou"],
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

  function activeMode(app) {
    return app.modes.find((mode) => mode.active()) || null;
  }

  function showStatus(app) {
    const prompted = app.shown.objects.some((item) => item.clicks.length || item.box || item.given);
    const mode = activeMode(app);
    let text = "";
    if (app.opening || app.sending || !app.loaded) text = openingText(app);
    else if (!app.picture) text = app.labels.open_hint;
    else if (app.held.length) text = app.labels.held.replace("{count}", app.held.length);
    else if (isBusy(app)) text = waitingText(app, "busy");
    else if (mode) text = app.labels[mode.status];
    else if (app.tool === "box") text = app.labels.box_status;
    else if (!prompted) text = app.labels.empty;
    else if (!app.edits) text = app.labels.invite;
    const line = app.root.querySelector(".status");
    if (line.textContent !== text) line.textContent = text;
    app.stage.classList.toggle("waiting", Boolean(app.opening));
  }

  function enable(app) {
    const item = chosenObject(app);
    const find = (name) => app.root.querySelector('[data-do="' + name + '"]');
    const waiting = openEdits(app).length > 0;
    find("undo").disabled = !(app.server.can_undo || waiting);
    find("redo").disabled = !app.server.can_redo || waiting;
    find("clear").disabled = !item || !(item.clicks.length || item.box || item.given);
    find("reset").disabled = !app.picture;
    for (const button of app.root.querySelectorAll("[data-export]")) {
      const all = ["json", "overlay", "session"].includes(button.dataset.export);
      button.disabled = all ? !app.shown.objects.some((one) => one.answer !== null)
        : !item || item.answer === null;
    }
  }

  function showPanel(app) {
    press(app.root.querySelectorAll("[data-tool]"), "tool", activeMode(app) ? "" : app.tool);
    press(app.root.querySelectorAll("[data-view]"), "view", app.viewName);
    app.stage.classList.toggle("touch-all", app.tool === "box" || Boolean(activeMode(app)) || app.view.zoom > 1);
    showObjects(app);
    showFigures(app);
    showPicture(app);
    showStatus(app);
    showCaption(app);
    enable(app);
  }

  return { isBusy, showPanel };
})();
