// In each pane's corner the largest difference, magnified: what a picture shows first, until the visitor
// does something to it.
studio.inset = (() => {
  const { makeView, showRegion } = studio.geometry;
  const { paintPane } = studio.painting;
  const { chosenObject } = studio.scene;

  const SHARE = 0.34;

  function largestOf(app) {
    const item = chosenObject(app), answer = item && item.answer !== null && app.answers.get(item.answer);
    return answer && answer.differences && answer.differences.regions[0];
  }

  function hidden(app) {
    return app.view.zoom > 1 || !app.image || app.inset.edits !== app.edits || app.modes.some((mode) => mode.active()) || !largestOf(app);
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

  function fitInset(inset) {
    const { of: pane } = inset, side = Math.round(Math.min(SHARE * pane.width, 0.5 * pane.height));
    if (inset.width === side && inset.ratio === pane.ratio) return;
    Object.assign(inset, { width: side, height: side, ratio: pane.ratio, checks: null });
    inset.canvas.width = inset.canvas.height = side * pane.ratio;
    inset.canvas.style.width = inset.canvas.style.height = side + "px";
  }

  function showInsets(app, insets) {
    if (app.inset.picture !== app.picture) app.inset = { picture: app.picture, edits: app.edits };
    const gone = hidden(app);
    for (const inset of insets) {
      inset.canvas.hidden = gone || inset.of.figure.hidden;
      if (inset.canvas.hidden) continue;
      fitInset(inset);
      const [x, y, width, height] = largestOf(app);
      showRegion(inset.view, inset, app.picture, x, y, x + width, y + height);
      paintPane({ ...app, view: inset.view }, inset.canvas.getContext("2d"), inset);
    }
  }

  function inset(app) {
    app.inset = { picture: null, edits: 0 };
    const insets = app.panes.filter((pane) => pane.model !== "single").map((pane) => makeInset(app, pane));
    return { show: () => showInsets(app, insets) };
  }

  return inset;
})();
