// The boundary band: all but the rim of the chosen object's mask, on both sides, is darkened.
studio.band = (() => {
  const { pixelLayer, turnedMask } = studio.masks;
  const { aim, drawMask, layersOf, scratch, viewKey } = studio.painting;
  const { chosenObject } = studio.scene;

  const DARK = "rgba(0, 0, 0, 0.72)";
  const FAR = 65000;

  // How far each pixel is from the nearest one across the contour, in king's moves: the distance by
  // which the boundary IoU's erosion counts. Beyond the picture is outside. Padded by a pixel.
  function contourDistance(rle) {
    const [length, lines] = rle.size, stride = length + 2;
    const mask = turnedMask(rle), size = stride * (lines + 2);
    const inside = new Uint8Array(size), far = new Uint16Array(size).fill(FAR);
    for (let line = 0; line < lines; line++) {
      for (let k = 0; k < length; k++) inside[(line + 1) * stride + k + 1] = mask[line * length + k] & 1;
    }
    const sweep = (at, turn) => {
      const before = at - turn * stride;
      let least = far[at];
      for (const near of [before - 1, before, before + 1, at - turn]) {
        const step = inside[near] === inside[at] ? far[near] + 1 : 1;
        if (step < least) least = step;
      }
      far[at] = least;
    };
    for (let line = 1; line <= lines; line++) {
      for (let k = 1; k <= length; k++) sweep(line * stride + k, 1);
    }
    for (let line = lines; line >= 1; line--) {
      for (let k = length; k >= 1; k--) sweep(line * stride + k, -1);
    }
    return far;
  }

  function bandLayer(far, rle, width) {
    const [length, lines] = rle.size, stride = length + 2;
    const pixels = new Uint32Array(length * lines);
    for (let line = 0; line < lines; line++) {
      for (let k = 0; k < length; k++) {
        if (far[(line + 1) * stride + k + 1] <= width) pixels[line * length + k] = 0xffffffff;
      }
    }
    return pixelLayer(pixels, rle);
  }

  // Distances are kept with the masks' layers, the band of the last width with them.
  function bandOf(app, item, model) {
    const layers = layersOf(app, item.answer), rle = app.answers.get(item.answer)[model];
    const bands = layers.bands || (layers.bands = {});
    const one = bands[model] || (bands[model] = { far: contourDistance(rle) });
    const width = bandWidth(app);
    if (one.width !== width) Object.assign(one, { width, layer: bandLayer(one.far, rle, width) });
    return one.layer;
  }

  // Pixels on each side of the contour; 0 is off.
  function bandWidth(app) {
    if (!app.band || !app.picture) return 0;
    return Math.max(1, Math.round((app.band / 100) * Math.hypot(app.picture.width, app.picture.height)));
  }

  // Which model's band is seen where in a pane, from 0 to 1.
  function bandParts(app, pane) {
    if (pane.model !== "single") return [[pane.model, 0, 1]];
    if (app.viewName === "swipe") return [["base", 0, app.split], ["refined", app.split, 1]];
    return [["base", 0, 1], ["refined", 0, 1]];
  }

  function paintBand(app, ctx, pane) {
    const item = chosenObject(app);
    if (!bandWidth(app) || !item || item.answer === null || !layersOf(app, item.answer)) return;
    const key = [viewKey(app, pane), item.answer, app.band, app.viewName, app.split].join();
    if (pane.bandKey !== key) {
      pane.bandKey = key;
      const dark = scratch(pane, "band"), { width, height } = pane.canvas;
      dark.save();
      aim(dark, app, pane);
      dark.fillStyle = DARK;
      dark.fillRect(0, 0, app.picture.width, app.picture.height);
      dark.restore();
      for (const [model, from, to] of bandParts(app, pane)) {
        dark.save();
        dark.beginPath();
        dark.rect(from * width, 0, (to - from) * width, height);
        dark.clip();
        dark.globalCompositeOperation = "destination-out";
        drawMask(dark, app, pane, bandOf(app, item, model));
        dark.restore();
      }
    }
    ctx.drawImage(pane.sheets.band, 0, 0);
  }

  function showBand(app) {
    const width = bandWidth(app), label = width ? app.labels.band_at : app.labels.band_off;
    const output = app.root.querySelector(".band output");
    const text = label.replace("{percent}", app.band).replace("{width}", width);
    if (output.textContent !== text) output.textContent = text;
  }

  function band(app) {
    app.band = 0;
    app.root.querySelector(".band input").addEventListener("input", (event) => {
      app.band = Number(event.target.value);
      app.redraw();
    });
    return { show: () => showBand(app), paintUnder: (ctx, pane) => paintBand(app, ctx, pane) };
  }

  return band;
})();
