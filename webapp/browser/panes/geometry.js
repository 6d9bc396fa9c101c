// The view that both panes share: which part of the picture is seen, and how large.
studio.geometry = (() => {
  const MAX_PIXEL = 40;
  // What is shown of a region: so many times its sides, and no fewer pixels of the picture.
  const MARGIN = 1.6, LEAST = 24;

  function makeView() {
    return { zoom: 1, cx: 0, cy: 0 };
  }

  function fitScale(pane, picture) {
    return Math.min(pane.width / picture.width, pane.height / picture.height);
  }

  function viewScale(view, pane, picture) {
    return fitScale(pane, picture) * view.zoom;
  }

  // Where the point looked at lies in the pane. A picture that is lower than its pane lies at its top,
  // and leaves what is below to what is magnified.
  function middleOf(view, pane, picture) {
    const high = picture.height * viewScale(view, pane, picture);
    return [pane.width / 2, Math.min(pane.height, high) / 2];
  }

  function resetView(view, picture) {
    view.zoom = 1;
    view.cx = picture.width / 2;
    view.cy = picture.height / 2;
  }

  function between(value, one, other) {
    return Math.min(Math.max(value, Math.min(one, other)), Math.max(one, other));
  }

  function clampView(view, pane, picture) {
    const fit = fitScale(pane, picture);
    view.zoom = Math.max(1, Math.min(view.zoom, Math.max(1, MAX_PIXEL / fit)));
    const scale = fit * view.zoom;
    const halfX = pane.width / scale / 2, halfY = Math.min(pane.height / scale, picture.height) / 2;
    view.cx = view.zoom > 1 ? between(view.cx, halfX, picture.width - halfX) : picture.width / 2;
    view.cy = view.zoom > 1 ? between(view.cy, halfY, picture.height - halfY) : picture.height / 2;
  }

  function toScreen(view, pane, picture, x, y) {
    const scale = viewScale(view, pane, picture), [midX, midY] = middleOf(view, pane, picture);
    return [(x - view.cx) * scale + midX, (y - view.cy) * scale + midY];
  }

  function seenAt(view, pane, picture, sx, sy) {
    const scale = viewScale(view, pane, picture), [midX, midY] = middleOf(view, pane, picture);
    return [(sx - midX) / scale + view.cx, (sy - midY) / scale + view.cy];
  }

  function toPicture(view, pane, picture, sx, sy) {
    const [x, y] = seenAt(view, pane, picture, sx, sy);
    return [Math.min(Math.max(x, 0), picture.width), Math.min(Math.max(y, 0), picture.height)];
  }

  function insidePicture(view, pane, picture, sx, sy) {
    const [x, y] = seenAt(view, pane, picture, sx, sy);
    return x >= 0 && y >= 0 && x <= picture.width && y <= picture.height;
  }

  function zoomAt(view, pane, picture, sx, sy, factor) {
    const [x, y] = seenAt(view, pane, picture, sx, sy);
    const most = Math.max(1, MAX_PIXEL / fitScale(pane, picture));
    view.zoom = Math.max(1, Math.min(view.zoom * factor, most));
    const scale = viewScale(view, pane, picture), [midX, midY] = middleOf(view, pane, picture);
    view.cx = x - (sx - midX) / scale;
    view.cy = y - (sy - midY) / scale;
    clampView(view, pane, picture);
  }

  function panBy(view, pane, picture, dx, dy) {
    const scale = viewScale(view, pane, picture);
    view.cx -= dx / scale;
    view.cy -= dy / scale;
    clampView(view, pane, picture);
  }

  function showRegion(view, pane, picture, x0, y0, x1, y1) {
    const wide = Math.max(LEAST, (x1 - x0) * MARGIN), high = Math.max(LEAST, (y1 - y0) * MARGIN);
    view.zoom = Math.min(pane.width / wide, pane.height / high) / fitScale(pane, picture);
    view.cx = (x0 + x1) / 2;
    view.cy = (y0 + y1) / 2;
    clampView(view, pane, picture);
  }

  return {
    MARGIN, makeView, viewScale, middleOf, resetView, clampView, toScreen, toPicture, insidePicture, zoomAt, panBy,
    showRegion,
  };
})();
