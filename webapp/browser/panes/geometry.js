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

  function resetView(view, picture) {
    view.zoom = 1;
    view.cx = picture.width / 2;
    view.cy = picture.height / 2;
  }

  function between(value, one, other) {
    return Math.min(Math.max(value, Math.min(one, other)), Math.max(one, other));
  }

  // All of a picture that is lower than its pane lies at the pane's top, and what is below is for what is
  // magnified; enlarged, it leaves no more free below, so that the point zoomed at can stay where it is.
  function clampView(view, pane, picture) {
    const fit = fitScale(pane, picture);
    view.zoom = Math.max(1, Math.min(view.zoom, Math.max(1, MAX_PIXEL / fit)));
    const scale = fit * view.zoom;
    const halfX = pane.width / scale / 2, halfY = pane.height / scale / 2;
    view.cx = view.zoom > 1 ? between(view.cx, halfX, picture.width - halfX) : picture.width / 2;
    const lowest = picture.height - (picture.height * fit) / scale + halfY;
    view.cy = view.zoom > 1 ? between(view.cy, Math.min(halfY, picture.height - halfY), lowest) : lowest;
  }

  function toScreen(view, pane, picture, x, y) {
    const scale = viewScale(view, pane, picture);
    return [(x - view.cx) * scale + pane.width / 2, (y - view.cy) * scale + pane.height / 2];
  }

  function toPicture(view, pane, picture, sx, sy) {
    const scale = viewScale(view, pane, picture);
    const x = (sx - pane.width / 2) / scale + view.cx, y = (sy - pane.height / 2) / scale + view.cy;
    return [Math.min(Math.max(x, 0), picture.width), Math.min(Math.max(y, 0), picture.height)];
  }

  function insidePicture(view, pane, picture, sx, sy) {
    const scale = viewScale(view, pane, picture);
    const x = (sx - pane.width / 2) / scale + view.cx, y = (sy - pane.height / 2) / scale + view.cy;
    return x >= 0 && y >= 0 && x <= picture.width && y <= picture.height;
  }

  function zoomAt(view, pane, picture, sx, sy, factor) {
    const before = viewScale(view, pane, picture);
    const x = (sx - pane.width / 2) / before + view.cx, y = (sy - pane.height / 2) / before + view.cy;
    const most = Math.max(1, MAX_PIXEL / fitScale(pane, picture));
    view.zoom = Math.max(1, Math.min(view.zoom * factor, most));
    const after = viewScale(view, pane, picture);
    view.cx = x - (sx - pane.width / 2) / after;
    view.cy = y - (sy - pane.height / 2) / after;
    clampView(view, pane, picture);
  }

  // The middle of what is seen of the picture, in the pane.
  function seenMiddle(view, pane, picture) {
    const [left, top] = toScreen(view, pane, picture, 0, 0);
    const [right, low] = toScreen(view, pane, picture, picture.width, picture.height);
    return [(Math.max(0, left) + Math.min(pane.width, right)) / 2, (Math.max(0, top) + Math.min(pane.height, low)) / 2];
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
    const halfY = pane.height / viewScale(view, pane, picture) / 2;  // nothing free below, if it can be
    if (2 * halfY <= picture.height) view.cy = Math.min(view.cy, picture.height - halfY);
  }

  return {
    MARGIN, makeView, viewScale, resetView, clampView, toScreen, toPicture, insidePicture, seenMiddle, zoomAt,
    panBy, showRegion,
  };
})();
