// Mouse, pen and touch on the panes.
studio.pointer = (() => {
  const { insidePicture, panBy, toPicture, toScreen, zoomAt } = studio.geometry;
  const { edit, refreshScene } = studio.scene;

  const MAC = /mac/i.test(navigator.platform);
  const DRAG = 4;
  const TOUCH_DRAG = 10;
  const REACH = 12;
  const TOUCH_REACH = 20;

  function paneAt(app, event) {
    return app.panes.find((pane) => pane.canvas === event.target) || null;
  }

  function pointOn(pane, event) {
    const bounds = pane.canvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  }

  function cornersOf(box) {
    return [[box[0], box[1]], [box[2], box[1]], [box[0], box[3]], [box[2], box[3]]];
  }

  // The nearest marker or box corner under the pointer; the chosen object's come first.
  function markerAt(app, pane, sx, sy, reach) {
    let best = null;
    const near = (x, y, found, bonus) => {
      const [mx, my] = toScreen(app.view, pane, app.picture, x, y);
      const distance = Math.hypot(mx - sx, my - sy);
      if (distance <= reach && (!best || distance - bonus < best.distance)) {
        best = { ...found, distance: distance - bonus };
      }
    };
    for (const item of app.shown.objects) {
      const chosen = item.id === app.selected, bonus = chosen ? reach : 0;
      item.clicks.forEach((click, index) => near(click[0], click[1], { item, index }, bonus));
      if (item.box && chosen) {
        cornersOf(item.box).forEach((corner, index) => {
          near(corner[0], corner[1], { item, corner: cornersOf(item.box)[3 - index] }, bonus);
        });
      }
    }
    return best;
  }

  // The right button; on a Mac also Ctrl and the only one.
  function isSecondary(event) {
    return event.button === 2 || (MAC && event.button === 0 && event.ctrlKey);
  }

  // Clicks are collected while Ctrl is held, on a Mac the command key; AltGr reads as Ctrl, too.
  function isHeld(event) {
    return event.metaKey || (event.ctrlKey && !MAC && !event.getModifierState("AltGraph"));
  }

  function isPositive(app, press) {
    return !(press.secondary || press.event.shiftKey || app.tool === "negative");
  }

  function nearDivider(app, pane, sx) {
    return app.viewName === "swipe" && Math.abs(sx - app.split * pane.width) < 12;
  }

  function gestureOf(app) {
    const mode = app.modes.find((one) => one.gesture && one.active());
    return mode ? mode.gesture : null;
  }

  function startGesture(press, gesture) {
    press.gesture = gesture;
    gesture.start(press);
  }

  function startPress(app, event) {
    const pane = paneAt(app, event);
    if (!pane || !app.picture || app.opening) return;
    app.stage.focus({ preventScroll: true });
    const [sx, sy] = pointOn(pane, event);
    app.fingers.set(event.pointerId, [sx, sy]);
    if (app.fingers.size > 1) {
      app.press = { pane, kind: "pinch", last: pinchOf(app) };
      app.draft = null;
      return;
    }
    pane.canvas.setPointerCapture(event.pointerId);
    const touch = event.pointerType === "touch";
    const secondary = isSecondary(event);
    const press = { pane, sx, sy, lx: sx, ly: sy, touch, kind: "click", event, secondary };
    const gesture = gestureOf(app);
    if (event.button === 1 || (event.button === 0 && app.space)) press.kind = "pan";
    else if (event.button === 0 && nearDivider(app, pane, sx)) press.kind = gesture ? "divider" : "divider or click";
    else if (gesture) startGesture(press, gesture);
    else if (event.button === 0 && !secondary) press.marker = markerAt(app, pane, sx, sy, touch ? TOUCH_REACH : REACH);
    app.press = press;
    if (event.button === 1) event.preventDefault();
  }

  function pinchOf(app) {
    const [a, b] = [...app.fingers.values()];
    return { x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2, far: Math.hypot(a[0] - b[0], a[1] - b[1]) };
  }

  function startDrag(app, press) {
    if (press.marker) press.kind = press.marker.corner ? "corner" : "move";
    else if (press.secondary) press.kind = "nothing";
    else if (press.touch && app.tool !== "box") press.kind = "pan";
    else press.kind = "box";
  }

  function continuePress(app, event) {
    const press = app.press;
    if (!press) return hover(app, event);
    const [sx, sy] = pointOn(press.pane, event);
    if (app.fingers.has(event.pointerId)) app.fingers.set(event.pointerId, [sx, sy]);
    if (press.kind === "pinch") return pinch(app, press);
    const far = Math.hypot(sx - press.sx, sy - press.sy);
    const dragged = far > (press.touch ? TOUCH_DRAG : DRAG);
    if (press.kind === "click" && dragged) startDrag(app, press);
    if (press.kind === "divider or click" && dragged) press.kind = "divider";
    const [x, y] = toPicture(app.view, press.pane, app.picture, sx, sy);
    const [x0, y0] = toPicture(app.view, press.pane, app.picture, press.sx, press.sy);
    if (press.kind === "pan") panBy(app.view, press.pane, app.picture, sx - press.lx, sy - press.ly);
    else if (press.kind === "divider") app.split = Math.min(Math.max(sx / press.pane.width, 0.02), 0.98);
    else if (press.kind === "box") app.draft = orderedBox(x0, y0, x, y);
    else if (press.kind === "corner") app.draft = orderedBox(...press.marker.corner, x, y);
    else if (press.kind === "move") dragMarker(app, press.marker, x, y);
    else if (press.kind === "gesture") press.gesture.move(press, x, y);
    press.lx = sx;
    press.ly = sy;
    app.redraw();
  }

  function dragMarker(app, marker, x, y) {
    const item = app.shown.objects.find((one) => one.id === marker.item.id);
    if (item && item.clicks[marker.index]) item.clicks[marker.index].splice(0, 2, x, y);
  }

  function pinch(app, press) {
    if (app.fingers.size < 2) return;
    const now = pinchOf(app);
    panBy(app.view, press.pane, app.picture, now.x - press.last.x, now.y - press.last.y);
    if (press.last.far > 0) zoomAt(app.view, press.pane, app.picture, now.x, now.y, now.far / press.last.far);
    press.last = now;
    app.redraw();
  }

  function orderedBox(x0, y0, x1, y1) {
    return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
  }

  function hover(app, event) {
    const pane = paneAt(app, event);
    if (!pane || !app.picture) return;
    const [sx, sy] = pointOn(pane, event);
    if (gestureOf(app)) return gestureOf(app).hover(pane, sx, sy);
    app.hovered = markerAt(app, pane, sx, sy, REACH);
    app.stage.classList.toggle("over", Boolean(app.hovered) || nearDivider(app, pane, sx));
  }

  function endPress(app, event) {
    app.fingers.delete(event.pointerId);
    const press = app.press;
    if (!press) return;
    if (press.kind === "pinch") {
      if (!app.fingers.size) app.press = null;
      return;
    }
    app.press = null;
    const draft = app.draft;
    app.draft = null;
    const [sx, sy] = pointOn(press.pane, event);
    const [x, y] = toPicture(app.view, press.pane, app.picture, sx, sy);
    if (press.kind === "gesture") press.gesture.end(press, x, y);
    else if (press.kind === "box" || press.kind === "corner") finishBox(app, draft);
    else if (press.kind === "move") {
      const { item, index } = press.marker;
      edit(app, { type: "move", object: item.id, index, x, y });
    } else if (press.kind.endsWith("click")) finishClick(app, press, sx, sy);
    app.redraw();
  }

  function finishBox(app, box) {
    if (!box || box[2] - box[0] < 1 || box[3] - box[1] < 1) return;
    edit(app, { type: "box", object: app.selected, box });
    if (app.tool === "box") app.tool = "positive";
  }

  function deleteMarker(app, marker) {
    const object = marker.item.id;
    app.hovered = null;
    app.selected = object;
    if (marker.corner) edit(app, { type: "delete_box", object });
    else edit(app, { type: "delete", object, index: marker.index });
  }

  function finishClick(app, press, sx, sy) {
    if (press.marker) return deleteMarker(app, press.marker);
    if (app.tool === "box" && !press.secondary) return;
    if (!insidePicture(app.view, press.pane, app.picture, sx, sy)) return;
    const [x, y] = toPicture(app.view, press.pane, app.picture, sx, sy);
    const click = { type: "click", object: app.selected, x, y, positive: isPositive(app, press) };
    if (isHeld(press.event)) app.held.push(click);
    else edit(app, click);
  }

  function cancelPress(app) {
    app.fingers.clear();
    app.press = null;
    app.draft = null;
    refreshScene(app);
  }

  function listenPointer(app) {
    const stage = app.stage;
    stage.addEventListener("pointerdown", (event) => startPress(app, event));
    stage.addEventListener("pointermove", (event) => continuePress(app, event));
    stage.addEventListener("pointerup", (event) => endPress(app, event));
    stage.addEventListener("pointercancel", () => cancelPress(app));
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("auxclick", (event) => event.preventDefault());
    stage.addEventListener("wheel", (event) => {
      const pane = paneAt(app, event);
      if (!pane || !app.picture) return;
      event.preventDefault();
      const [sx, sy] = pointOn(pane, event);
      zoomAt(app.view, pane, app.picture, sx, sy, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)));
      app.redraw();
    }, { passive: false });
  }

  return { cancelPress, deleteMarker, listenPointer };
})();
