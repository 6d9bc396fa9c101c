// The view against the true mask: what the refiner repaired, what it broke, and what both have wrong.
studio.errors = (() => {
  const { ERROR_COLORS, drawMask, layersOf, maskSheet, pictureSheet, scratch, tinted } = studio.painting;
  const { chosenObject } = studio.scene;

  function truthLayer(app) {
    const { truth } = app.server;
    const layers = truth && layersOf(app, truth.id);
    return layers && layers.base;
  }

  // Where two masks differ, white.
  function difference(pane, one, other, name) {
    const ctx = scratch(pane, name);
    ctx.drawImage(one, 0, 0);
    ctx.globalCompositeOperation = "xor";
    ctx.drawImage(other, 0, 0);
    return ctx.canvas;
  }

  function combined(pane, from, operation, other) {
    const ctx = scratch(pane, "part");
    ctx.drawImage(from, 0, 0);
    ctx.globalCompositeOperation = operation;
    ctx.drawImage(other, 0, 0);
    return ctx.canvas;
  }

  function paintErrors(ctx, app, pane) {
    ctx.drawImage(pictureSheet(app, pane), 0, 0);
    const item = chosenObject(app), layer = truthLayer(app);
    if (!layer || !item || item.answer === null || !layersOf(app, item.answer)) return;
    const truth = scratch(pane, "errors-truth");
    drawMask(truth, app, pane, layer);
    const base = difference(pane, maskSheet(app, pane, item, "base"), truth.canvas, "errors-base");
    const refined = difference(pane, maskSheet(app, pane, item, "refined"), truth.canvas, "errors-refined");
    for (const [name, from, operation, other] of [
      ["both_wrong", base, "destination-in", refined], ["fixed", base, "destination-out", refined],
      ["broken", refined, "destination-out", base],
    ]) {
      ctx.globalAlpha = 0.85;
      ctx.drawImage(tinted(pane, combined(pane, from, operation, other), ERROR_COLORS[name], "tint"), 0, 0);
    }
    ctx.globalAlpha = 1;
  }

  function errors(app) {
    const button = app.root.querySelector('[data-view="errors"]');
    return {
      views: { errors: paintErrors },
      show: () => {
        button.disabled = !app.server.truth;
        if (button.disabled && app.viewName === "errors") setTimeout(() => app.setMode("overlay"));
      },
    };
  }

  return errors;
})();
