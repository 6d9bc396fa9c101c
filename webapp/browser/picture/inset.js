// In each pane's corner where the masks differ most, magnified: what a picture shows first, until the
// visitor does something to it.
studio.inset = (() => {
  const { MARGIN, makeView, showRegion, viewScale } = studio.geometry;
  const { paintPane } = studio.painting;
  const { chosenObject } = studio.scene;

  const SHARE = 0.34, MOST = 0.6, GAP = 8, MAGNIFIED = 2;

  function differencesOf(app) {
    const item = chosenObject(app), answer = item && item.answer !== null && app.answers.get(item.answer);
    return answer && answer.differences && answer.differences.regions.length ? answer.differences : null;
  }

  function hidden(app) {
    return app.view.zoom > 1 || !app.image || app.inset.edits !== app.edits || app.modes.some((mode) => mode.active()) || !differencesOf(app);
  }

  // The largest region; of one too large to be magnified the thickest place of all.
  function regionFor(app, inset) {
    const most = inset.width / viewScale(app.view, inset.of, app.picture) / MAGNIFIED;
    const { regions: [[x, y, width, height]], thickest: [column, row] } = differencesOf(app);
    if (MARGIN * Math.max(width, height) <= most) return [x, y, width, height];
    const side = most / MARGIN;
    return [column + 0.5 - side / 2, row + 0.5 - side / 2, side, side];
  }

  // A pane of its own over the one it belongs to, which looks at the region.
  function makeInset(app, pane) {
    const canvas = document.createElement("canvas");
    canvas.className = "inset";
    canvas.title = app.labels.inset;
    canvas.hidden = true;
    pane.figure.append(canvas);
    return { model: pane.model, of: pane, canvas, view: makeView(), width: 1, height: 1, ratio: 1 };
  }

  // It covers a corner of the picture, or lies below it and is the larger, the more room is there.
  function sideOf(app, pane) {
    const below = pane.height - app.picture.height * viewScale(app.view, pane, app.picture) - 2 * GAP;
    return Math.round(Math.max(Math.min(SHARE * pane.width, 0.5 * pane.height), Math.min(below, MOST * pane.width)));
  }

  function fitInset(app, inset) {
    const { of: pane } = inset, side = sideOf(app, pane);
    if (inset.width === side && inset.ratio === pane.ratio) return;
    Object.assign(inset, { width: side, height: side, ratio: pane.ratio, checks: null });
    inset.canvas.width = inset.canvas.height = side * pane.ratio;
    inset.canvas.style.width = inset.canvas.style.height = side + "px";
  }

  function showInsets(app) {
    if (app.inset.picture !== app.picture) app.inset = { picture: app.picture, edits: app.edits };
    const gone = hidden(app);
    for (const inset of app.insets) {
      inset.canvas.hidden = gone || inset.of.figure.hidden;
      if (inset.canvas.hidden) continue;
      fitInset(app, inset);
      const [x, y, width, height] = regionFor(app, inset);
      showRegion(inset.view, inset, app.picture, x, y, x + width, y + height);
      paintPane({ ...app, view: inset.view }, inset.canvas.getContext("2d"), inset);
    }
  }

  function inset(app) {
    app.inset = { picture: null, edits: 0 };
    app.insets = app.panes.filter((pane) => pane.model !== "single").map((pane) => makeInset(app, pane));
    return { show: () => showInsets(app) };
  }

  return inset;
})();
