// The masks on a pane. All is composed at the pane's own size, sharp at any zoom.
studio.painting = (() => {
  const { toScreen, viewScale } = studio.geometry;
  const { maskLayer } = studio.masks;

  const MODEL_COLORS = { base: "#e69f00", refined: "#2f8fd8", both: "#ffffff" };
  const ERROR_COLORS = { fixed: "#1a9850", broken: "#d7191c", both_wrong: "#fdae61" };
  const CRISP = 2;
  const KEPT = 24;

  function rgb(color) {
    return "rgb(" + color.join(",") + ")";
  }

  function scratch(pane, name) {
    const sheets = pane.sheets || (pane.sheets = {});
    const sheet = sheets[name] || (sheets[name] = document.createElement("canvas"));
    if (sheet.width !== pane.canvas.width || sheet.height !== pane.canvas.height) {
      sheet.width = pane.canvas.width;
      sheet.height = pane.canvas.height;
    }
    const ctx = sheet.getContext("2d");
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalCompositeOperation = "source-over";
    ctx.globalAlpha = 1;
    ctx.clearRect(0, 0, sheet.width, sheet.height);
    return ctx;
  }

  function aim(ctx, app, pane) {
    const scale = viewScale(app.view, pane, app.picture) * pane.ratio;
    ctx.setTransform(
      scale, 0, 0, scale,
      (pane.width / 2) * pane.ratio - app.view.cx * scale,
      (pane.height / 2) * pane.ratio - app.view.cy * scale,
    );
    ctx.imageSmoothingEnabled = scale < CRISP;
    ctx.imageSmoothingQuality = "medium";
  }

  function drawMask(ctx, app, pane, layer) {
    const { sheet, factor } = layer(viewScale(app.view, pane, app.picture) * pane.ratio);
    ctx.save();
    aim(ctx, app, pane);
    ctx.transform(0, factor, factor, 0, 0, 0);
    ctx.drawImage(sheet, 0, 0);
    ctx.restore();
  }

  function drawPicture(ctx, app, pane) {
    ctx.save();
    aim(ctx, app, pane);
    ctx.drawImage(app.image, 0, 0, app.picture.width, app.picture.height);
    ctx.restore();
  }

  function fillAll(ctx, operation, color) {
    ctx.globalCompositeOperation = operation;
    ctx.fillStyle = color;
    ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height);
    ctx.globalCompositeOperation = "source-over";
  }

  // The mask at the pane's size, white; kept until the view changes.
  function maskSheet(app, pane, item, model) {
    const key = viewKey(app, pane);
    if (!pane.masks || pane.masks.key !== key || pane.masks.size > KEPT) {
      pane.masks = Object.assign(new Map(), { key });
    }
    const name = item.answer + model;
    let sheet = pane.masks.get(name);
    if (!sheet) {
      sheet = document.createElement("canvas");
      sheet.width = pane.canvas.width;
      sheet.height = pane.canvas.height;
      drawMask(sheet.getContext("2d"), app, pane, layersOf(app, item.answer)[model]);
      pane.masks.set(name, sheet);
    }
    return sheet;
  }

  function pictureSheet(app, pane) {
    const key = viewKey(app, pane);
    if (pane.pictureKey !== key) {
      drawPicture(scratch(pane, "picture"), app, pane);
      pane.pictureKey = key;
    }
    return pane.sheets.picture;
  }

  function tinted(pane, mask, color, name) {
    const ctx = scratch(pane, name);
    ctx.drawImage(mask, 0, 0);
    fillAll(ctx, "source-in", color);
    return ctx.canvas;
  }

  // Moved by whole pixels: by parts of one a browser without a GPU takes five times as long.
  function outlined(pane, mask, color, width) {
    const ctx = scratch(pane, "outline");
    const straight = Math.round(width), aslant = Math.round(width * Math.SQRT1_2);
    for (const [x, y] of [[straight, 0], [0, straight], [aslant, aslant], [aslant, -aslant]]) {
      ctx.drawImage(mask, x, y);
      ctx.drawImage(mask, -x, -y);
    }
    ctx.globalCompositeOperation = "destination-out";
    ctx.drawImage(mask, 0, 0);
    fillAll(ctx, "source-in", color);
    return ctx.canvas;
  }

  function paintContour(ctx, pane, mask, color, width) {
    ctx.globalAlpha = 0.75;
    ctx.drawImage(outlined(pane, mask, "#000", (width + 1) * pane.ratio), 0, 0);
    ctx.globalAlpha = 1;
    ctx.drawImage(outlined(pane, mask, color, width * pane.ratio), 0, 0);
  }

  function paintModel(ctx, app, pane, model, mode) {
    for (const item of answeredObjects(app)) {
      const mask = maskSheet(app, pane, item, model);
      const color = rgb(app.colors[item.slot % app.colors.length]);
      const chosen = item.id === app.selected;
      if (mode === "contour") {
        paintContour(ctx, pane, mask, color, chosen ? 2 : 1.3);
        continue;
      }
      ctx.globalAlpha = app.opacity;
      ctx.drawImage(tinted(pane, mask, color, "tint"), 0, 0);
      ctx.globalAlpha = 1;
      if (chosen) paintContour(ctx, pane, mask, color, 1);
    }
  }

  // What lies below the picture, where it is cut away; not what lies beside it.
  function checkerboard(ctx, app, pane) {
    if (!pane.checks) {
      const tile = document.createElement("canvas");
      const side = Math.round(10 * pane.ratio);
      tile.width = tile.height = 2 * side;
      const draw = tile.getContext("2d");
      draw.fillStyle = "#d4d4d8";
      draw.fillRect(0, 0, 2 * side, 2 * side);
      draw.fillStyle = "#f4f4f5";
      draw.fillRect(0, 0, side, side);
      draw.fillRect(side, side, side, side);
      pane.checks = ctx.createPattern(tile, "repeat");
    }
    ctx.fillStyle = pane.checks;
    const [left, top] = toScreen(app.view, pane, app.picture, 0, 0).map((at) => at * pane.ratio);
    const scale = viewScale(app.view, pane, app.picture) * pane.ratio;
    ctx.fillRect(left, top, app.picture.width * scale, app.picture.height * scale);
  }

  function unionOf(app, pane, model, name) {
    const ctx = scratch(pane, name);
    for (const item of answeredObjects(app)) ctx.drawImage(maskSheet(app, pane, item, model), 0, 0);
    return ctx;
  }

  function paintCutout(ctx, app, pane) {
    checkerboard(ctx, app, pane);
    const cut = unionOf(app, pane, pane.model, "cut");
    cut.globalCompositeOperation = "source-in";
    cut.drawImage(pictureSheet(app, pane), 0, 0);
    ctx.drawImage(cut.canvas, 0, 0);
  }

  function paintDifference(ctx, app, pane) {
    ctx.drawImage(pictureSheet(app, pane), 0, 0);
    ctx.save();
    aim(ctx, app, pane);
    ctx.fillStyle = "rgba(0, 0, 0, 0.45)";
    ctx.fillRect(0, 0, app.picture.width, app.picture.height);
    ctx.restore();
    const parts = [
      ["both", "base", "refined", "destination-in", 0.45],
      ["base", "base", "refined", "destination-out", 0.95],
      ["refined", "refined", "base", "destination-out", 0.95],
    ];
    for (const [name, from, other, operation, alpha] of parts) {
      const part = unionOf(app, pane, from, "part");
      part.globalCompositeOperation = operation;
      part.drawImage(unionOf(app, pane, other, "other").canvas, 0, 0);
      fillAll(part, "source-in", MODEL_COLORS[name]);
      ctx.globalAlpha = alpha;
      ctx.drawImage(part.canvas, 0, 0);
    }
    ctx.globalAlpha = 1;
  }

  function paintSwipe(ctx, app, pane) {
    ctx.drawImage(pictureSheet(app, pane), 0, 0);
    const split = Math.round(app.split * ctx.canvas.width);
    const halves = [["base", 0, split], ["refined", split, ctx.canvas.width - split]];
    for (const [model, left, wide] of halves) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, 0, wide, ctx.canvas.height);
      ctx.clip();
      paintModel(ctx, app, pane, model, "overlay");
      ctx.restore();
    }
  }

  function viewKey(app, pane) {
    const { view, picture } = app;
    return [picture.key, app.at, view.zoom, view.cx, view.cy, pane.canvas.width, pane.canvas.height].join();
  }

  function backingKey(app, pane) {
    const answers = app.shown.objects.map((item) => item.slot + ":" + item.answer);
    const truth = app.server.truth ? app.server.truth.id : 0;
    return [viewKey(app, pane), app.viewName, truth, outlinesOnly(app), app.opacity, app.split, app.selected, ...answers].join();
  }

  // While something else is drawn the masks of the overlay are outlines.
  function outlinesOnly(app) {
    return app.modes.some((mode) => mode.outlines && mode.active());
  }

  function paintMasks(ctx, app, pane) {
    const style = app.viewName === "contour" || outlinesOnly(app) ? "contour" : "overlay";
    ctx.drawImage(pictureSheet(app, pane), 0, 0);
    paintModel(ctx, app, pane, pane.model, style);
  }

  const painters = {
    overlay: paintMasks, contour: paintMasks, cutout: paintCutout, difference: paintDifference, swipe: paintSwipe,
  };

  // All but the prompts; painted again only when something of it changes. False if there is nothing.
  function paintPane(app, ctx, pane) {
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, pane.canvas.width, pane.canvas.height);
    if (!app.picture || !app.image) return false;
    const key = backingKey(app, pane);
    if (pane.backingKey !== key) {
      pane.backingKey = key;
      app.views[app.viewName](scratch(pane, "backing"), app, pane);
    }
    ctx.drawImage(pane.sheets.backing, 0, 0);
    return true;
  }

  function layersOf(app, id) {
    let layers = app.layers.get(id);
    const answer = layers ? null : app.doc.answer(app, id);
    if (answer) {
      layers = { base: maskLayer(answer.base), refined: maskLayer(answer.refined) };
      app.layers.set(id, layers);
    }
    return layers;
  }

  // What to paint: each object's last answer, also while a newer one is awaited; the chosen on top.
  function answeredObjects(app) {
    return app.shown.objects
      .filter((item) => item.answer !== null && layersOf(app, item.answer))
      .sort((a, b) => (a.id === app.selected) - (b.id === app.selected));
  }

  return {
    ERROR_COLORS, MODEL_COLORS, aim, drawMask, layersOf, maskSheet, outlined, painters, paintContour, paintModel,
    paintPane, pictureSheet, rgb, scratch, tinted, viewKey,
  };
})();
