// The view of each model's probabilities. The server makes them when they are looked at.
studio.probabilities = (() => {
  const { aim, maskSheet, paintContour, paintModel, pictureSheet, rgb } = studio.painting;
  const { chosenObject, openEdits } = studio.scene;
  const { PATIENCE, call } = studio.calls;

  const RAMP = [[247, 251, 255], [107, 174, 214], [8, 48, 107]];
  const KEPT = 4;

  function rampColor(value) {
    const at = value * (RAMP.length - 1), low = Math.min(Math.floor(at), RAMP.length - 2);
    return RAMP[low].map((from, k) => Math.round(from + (at - low) * (RAMP[low + 1][k] - from)));
  }

  function paintRamp(pixels) {
    const colors = Array.from({ length: 256 }, (_, grey) => rampColor(grey / 255));
    for (let at = 0; at < pixels.length; at += 4) pixels.set(colors[pixels[at]], at);
  }

  // A map at the picture's size from a grey picture of probabilities.
  async function loadMap(app, url, wanted) {
    const image = await call(app, "image", url, { patience: PATIENCE.picture, failed: "soft_failed", wanted });
    if (!image) return null;
    const map = document.createElement("canvas");
    map.width = image.naturalWidth;
    map.height = image.naturalHeight;
    const ctx = map.getContext("2d");
    ctx.drawImage(image, 0, 0);
    const data = ctx.getImageData(0, 0, map.width, map.height);
    paintRamp(data.data);
    ctx.putImageData(data, 0, 0);
    return map;
  }

  // Asks for the maps of the chosen object. What did not come is asked for again with the next choice.
  async function askMaps(app) {
    if (app.viewName !== "soft") app.mapsAsked = app.mapsWanted = null;
    const item = chosenObject(app);
    if (app.viewName !== "soft" || openEdits(app).length || app.opening || !item || item.answer === null) return;
    if (app.maps.has(item.answer) || app.mapsAsked === item.answer) return;
    app.mapsAsked = app.mapsWanted = item.answer;
    app.redraw();
    const { answer } = item, wanted = () => app.mapsWanted === answer;
    const value = await call(app, "show_soft", {
      picture: app.picture.key, have: [...app.answers.keys()], object: item.id, answer,
    }, { failed: "soft_failed", wanted });
    if (value && value.soft.answer) await takeMaps(app, value.soft, wanted);
    if (wanted()) app.mapsWanted = null;
    app.redraw();
  }

  async function takeMaps(app, soft, wanted) {
    const load = (file) => loadMap(app, file.url, wanted);
    const [base, refined] = await Promise.all([load(soft.base), load(soft.refined)]);
    if (!base || !refined) return;
    app.maps.set(soft.answer, { answer: soft.answer, base, refined });
    for (const id of app.maps.keys()) if (app.maps.size > KEPT) app.maps.delete(id);
    for (const pane of [...app.panes, ...app.insets]) pane.backingKey = "";
  }

  // The maps of the chosen object; while newer ones are awaited, those that it had.
  function mapsOf(app) {
    const item = chosenObject(app);
    if (!item || item.answer === null) return null;
    const found = app.maps.get(item.answer);
    if (found) app.mapsShown = { object: item.id, maps: found };
    const shown = app.mapsShown;
    return shown && shown.object === item.id && app.answers.has(shown.maps.answer) ? shown.maps : null;
  }

  function paintSoft(ctx, app, pane) {
    const maps = mapsOf(app);
    if (!maps) {
      ctx.drawImage(pictureSheet(app, pane), 0, 0);
      return paintModel(ctx, app, pane, pane.model, "contour");
    }
    ctx.save();
    aim(ctx, app, pane);
    ctx.drawImage(maps[pane.model], 0, 0);
    ctx.restore();
    paintContour(ctx, pane, maskSheet(app, pane, maps, pane.model), "#fff", 1.2);
  }

  function showSoft(app) {
    app.root.querySelector(".ramp").hidden = app.viewName !== "soft";
    askMaps(app);
  }

  function probabilities(app) {
    Object.assign(app, { maps: new Map(), mapsAsked: null, mapsWanted: null, mapsShown: null });
    const steps = RAMP.map((_, k) => rgb(rampColor(k / (RAMP.length - 1))));
    app.root.querySelector(".ramp i").style.background = "linear-gradient(to right, " + steps.join(", ") + ")";
    return { views: { soft: paintSoft }, show: () => showSoft(app), busy: () => app.mapsWanted !== null };
  }

  return probabilities;
})();
