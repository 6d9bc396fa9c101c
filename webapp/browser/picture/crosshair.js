// Points and boxes by keyboard: arrows move a crosshair over both panes, Enter puts what the tool does.
studio.crosshair = (() => {
  const { seenMiddle, toPicture, toScreen, viewScale } = studio.geometry;
  const { edit } = studio.scene;
  const { visiblePane } = studio.keys;

  const STEP = 4, FAST = 8, ARM = 14, GAP = 3;
  const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };

  // Moves by pixels of the screen, at any zoom; the first press shows it where one looks.
  function move(app, [dx, dy], event) {
    if (!app.picture) return;
    const { width, height } = app.picture, pane = visiblePane(app);
    const by = (event.shiftKey ? FAST : 1) * STEP / viewScale(app.view, pane, app.picture);
    const [x, y] = toPicture(app.view, pane, app.picture, ...seenMiddle(app.view, pane, app.picture));
    const at = app.cross || { x, y };
    const inside = (value, most) => Math.min(Math.max(value, 0.5), most - 0.5);
    app.cross = app.cross ? { x: inside(at.x + dx * by, width), y: inside(at.y + dy * by, height) } : at;
    if (app.crossBox) app.draft = boxTo(app);
  }

  function boxTo(app) {
    const { x, y } = app.cross, [x0, y0] = app.crossBox;
    return [Math.min(x, x0), Math.min(y, y0), Math.max(x, x0), Math.max(y, y0)];
  }

  // A click; with the box tool the first Enter is a corner, the second one the other.
  function put(app, event) {
    if (!app.cross) {
      move(app, [0, 0], event);
      return;
    }
    const { x, y } = app.cross, object = app.selected;
    if (app.tool !== "box") {
      edit(app, { type: "click", object, x, y, positive: !event.shiftKey && app.tool !== "negative" });
      return;
    }
    if (!app.crossBox) {
      app.crossBox = [x, y];
      return;
    }
    const box = boxTo(app);
    leave(app, true);
    if (box[2] - box[0] > 1 && box[3] - box[1] > 1) edit(app, { type: "box", object, box });
  }

  function leave(app, keep) {
    app.crossBox = app.draft = null;
    if (!keep) app.cross = null;
    app.redraw();
  }

  function strokes(ctx, x, y) {
    ctx.beginPath();
    for (const [dx, dy] of Object.values(ARROWS)) {
      ctx.moveTo(x + GAP * dx, y + GAP * dy);
      ctx.lineTo(x + ARM * dx, y + ARM * dy);
    }
    for (const [color, wide] of [["#000", 4], ["#fff", 1.8]]) {
      ctx.strokeStyle = color;
      ctx.lineWidth = wide;
      ctx.stroke();
    }
  }

  function paintCross(app, ctx, pane) {
    if (!app.cross) return;
    ctx.setTransform(pane.ratio, 0, 0, pane.ratio, 0, 0);
    const [x, y] = toScreen(app.view, pane, app.picture, app.cross.x, app.cross.y);
    strokes(ctx, x, y);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
  }

  function crosshair(app) {
    Object.assign(app, { cross: null, crossBox: null });
    app.stage.addEventListener("pointerdown", () => leave(app, false));
    app.stage.addEventListener("keydown", (event) => event.key === "Escape" && leave(app, false));
    const arrows = Object.entries(ARROWS).map(([name, way]) => [name, (event) => move(app, way, event)]);
    return {
      keys: { ...Object.fromEntries(arrows), enter: (event) => put(app, event) },
      paintUnder: (ctx, pane) => paintCross(app, ctx, pane),
      show: () => {
        if (app.crossPicture === app.picture) return;
        Object.assign(app, { crossPicture: app.picture, cross: null, crossBox: null });
      },
    };
  }

  return crosshair;
})();
