// Where the masks differ most, magnified: below the picture where there is room, else in a corner of it
// until the visitor does something to it.
studio.inset = (() => {
  const { MARGIN, makeView, showRegion, viewScale } = studio.geometry;
  const { paintPane } = studio.painting;
  const { chosenObject } = studio.scene;

  const SHARE = 0.34, MOST = 0.6, GAP = 8, MAGNIFIED = 2;
  const NONE = { regions: [] }, WAITING = { regions: [] };

  function differencesOf(app) {
    const item = chosenObject(app), answer = item && item.answer !== null && app.answers.get(item.answer);
    return answer ? answer.differences || WAITING : NONE;
  }

  // Whether it is out of place, whatever there is to see.
  function isAway(app, pane) {
    const touched = app.inset.edits !== app.edits;
    return pane.figure.hidden || app.view.zoom > 1 || !app.image || app.modes.some((mode) => mode.active())
      || (touched && covers(app, pane));
  }

  // The largest region; of one too large to be magnified the thickest place of all.
  function regionFor(app, inset, differences) {
    const most = inset.width / viewScale(app.view, inset.of, app.picture) / MAGNIFIED;
    const { regions: [[x, y, width, height]], thickest: [column, row] } = differences;
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

  function sideBelow(app, pane) {
    const below = pane.height - app.picture.height * viewScale(app.view, pane, app.picture) - 2 * GAP;
    return Math.min(below, MOST * pane.width);
  }

  function sideInCorner(pane) {
    return Math.min(SHARE * pane.width, 0.5 * pane.height);
  }

  function covers(app, pane) {
    return sideBelow(app, pane) < sideInCorner(pane);
  }

  function fitInset(app, inset) {
    const { of: pane } = inset, side = Math.round(Math.max(sideInCorner(pane), sideBelow(app, pane)));
    if (inset.width === side && inset.ratio === pane.ratio) return;
    Object.assign(inset, { width: side, height: side, ratio: pane.ratio, checks: null });
    inset.canvas.width = inset.canvas.height = side * pane.ratio;
    inset.canvas.style.width = inset.canvas.style.height = side + "px";
  }

  function showInsets(app) {
    const isOther = app.inset.picture !== app.picture, differences = differencesOf(app);
    if (isOther) app.inset = { picture: app.picture, edits: app.edits };
    for (const inset of app.insets) {
      const away = isAway(app, inset.of);
      // what the last click changed stays until the next one is measured: masks come before that
      if (differences === WAITING && !isOther && !away) continue;
      inset.canvas.hidden = away || !differences.regions.length;
      if (inset.canvas.hidden) continue;
      fitInset(app, inset);
      const [x, y, width, height] = regionFor(app, inset, differences);
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
