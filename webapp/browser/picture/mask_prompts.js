// A mask of another tool as a prompt (upload, outline, removal), and session files.
studio.maskPrompts = (() => {
  const { layersOf, maskSheet, outlined, scratch, viewKey } = studio.painting;
  const { chosenObject, edit } = studio.scene;
  const { listenChooser, sendFile } = studio.files;

  function outlineSheet(app, pane, items) {
    const key = [viewKey(app, pane), ...items.map((item) => item.given.id)].join();
    if (pane.givenKey === key) return pane.sheets.given;
    pane.givenKey = key;
    const union = scratch(pane, "given-union");
    for (const item of items) union.drawImage(maskSheet(app, pane, { answer: item.given.id }, "base"), 0, 0);
    const ctx = scratch(pane, "given");
    ctx.drawImage(outlined(pane, union.canvas, "#000", 2 * pane.ratio), 0, 0);
    ctx.drawImage(outlined(pane, union.canvas, "#fff", 1.2 * pane.ratio), 0, 0);
    return ctx.canvas;
  }

  function paintGiven(app, ctx, pane) {
    const items = app.shown.objects.filter((item) => item.given && layersOf(app, item.given.id));
    if (!items.length || app.viewName === "cutout") return;
    ctx.globalAlpha = 0.55;
    ctx.drawImage(outlineSheet(app, pane, items), 0, 0);
    ctx.globalAlpha = 1;
  }

  function showGiven(app) {
    const item = chosenObject(app), given = item && item.given;
    const button = (name) => app.root.querySelector('[data-do="' + name + '"]');
    button("give_mask").disabled = button("open_session").disabled = !app.picture;
    button("delete_mask").hidden = !given;
    const name = given && given.label ? app.labels.given_named.replace("{label}", given.label) : app.labels.given;
    if (given) button("delete_mask").querySelector("span").textContent = name;
  }

  function showTitles(app) {
    for (const [model, title] of Object.entries(app.server.titles || {})) {
      const caption = app.root.querySelector(".pane." + model + " figcaption span");
      if (caption.textContent !== title) caption.textContent = title;
    }
  }

  function maskPrompts(app) {
    const find = (name) => app.root.querySelector(name);
    const mask = find(".given-file"), session = find(".session-file");
    listenChooser(mask, (file) => app.sendMask("give_mask", file, { object: app.selected }));
    listenChooser(session, (file) => sendFile(app, "open_session", file, {}));
    return {
      commands: {
        give_mask: () => mask.click(),
        open_session: () => session.click(),
        delete_mask: () => edit(app, { type: "delete_mask", object: app.selected }),
      },
      show: () => {
        showGiven(app);
        showTitles(app);
      },
      paintUnder: (ctx, pane) => paintGiven(app, ctx, pane),
    };
  }

  return maskPrompts;
})();
