// The true mask brushed by hand. Each stroke is one edit; until the server has drawn it, it is drawn
// here on top of the truth that the server sent last.
studio.brush = (() => {
  const { insidePicture, toPicture, toScreen, viewScale } = studio.geometry;
  const { aim, drawMask, layersOf, outlined, scratch, tinted, viewKey } = studio.painting;
  const { edit, openEdits } = studio.scene;
  const { cancelPress } = studio.pointer;

  const TRUTH_COLOR = "#7a1fe0";
  const STROKE_POINTS = 1000;
  const MIN_SIZE = 2;

  function brushing(app) {
    return Boolean(app.picture) && app.brush.picture === app.picture.key;
  }

  // The brush's width in pixels of the picture: finer steps for small ones.
  function brushSize(app) {
    const most = Math.max(app.picture.width, app.picture.height) / 4;
    return Math.max(MIN_SIZE, Math.round((app.brush.level / 100) ** 2 * most));
  }

  // Points are sent to a hundredth of a pixel.
  function hundredths(...point) {
    return point.map((value) => Math.round(100 * value) / 100);
  }

  function startStroke(app, press) {
    const { button, shiftKey } = press.event;
    const inside = insidePicture(app.view, press.pane, app.picture, press.sx, press.sy);
    press.kind = inside && (button === 0 || button === 2) ? "gesture" : "nothing";
    if (press.kind === "nothing") return;
    const at = hundredths(...toPicture(app.view, press.pane, app.picture, press.sx, press.sy));
    press.stroke = {
      type: "brush", points: [at], radius: brushSize(app) / 2, erase: app.brush.erase || press.secondary || shiftKey,
    };
    app.brush.at = at;
    app.redraw();
  }

  // A point that is hardly away from the last one adds nothing; an overlong stroke goes on as another.
  function extendStroke(app, press, x, y, last) {
    const { stroke } = press, [x0, y0] = stroke.points[stroke.points.length - 1];
    app.brush.at = [x, y];
    const far = Math.hypot(x - x0, y - y0);
    if (far < (last ? 0.01 : Math.max(0.5, stroke.radius / 8))) return;
    stroke.points.push(hundredths(x, y));
    if (stroke.points.length < STROKE_POINTS || last) return;
    sendStroke(app, stroke);
    press.stroke = { ...stroke, points: [hundredths(x, y)] };
  }

  function finishStroke(app, press, x, y) {
    extendStroke(app, press, x, y, true);
    sendStroke(app, press.stroke);
    if (press.touch) app.brush.at = null;
  }

  // What is measured from a click to its masks on the screen leaves strokes out.
  function sendStroke(app, stroke) {
    const since = app.since;
    edit(app, stroke);
    app.since = since;
  }

  function hoverBrush(app, pane, sx, sy) {
    const inside = insidePicture(app.view, pane, app.picture, sx, sy);
    app.brush.at = inside ? toPicture(app.view, pane, app.picture, sx, sy) : null;
    app.hovered = null;
    app.stage.classList.remove("over");
    app.redraw();
  }

  function strokesOf(app) {
    const current = app.press && app.press.stroke ? [app.press.stroke] : [];
    return [...openEdits(app), ...current].filter((action) => action.type === "brush");
  }

  function drawStroke(ctx, { points, radius, erase }) {
    ctx.globalCompositeOperation = erase ? "destination-out" : "source-over";
    ctx.beginPath();
    ctx.moveTo(...points[0]);
    for (const point of points) ctx.lineTo(...point);
    ctx.lineWidth = 2 * radius;
    ctx.stroke();
  }

  // Stripes, which no mask of a model has.
  function hatch(pane) {
    if (pane.hatch && pane.hatch.ratio === pane.ratio) return pane.hatch.pattern;
    const tile = document.createElement("canvas"), side = Math.round(8 * pane.ratio);
    tile.width = tile.height = side;
    const ctx = tile.getContext("2d");
    ctx.strokeStyle = TRUTH_COLOR;
    ctx.lineWidth = side / 3;
    ctx.beginPath();
    for (const shift of [-side, 0, side]) {
      ctx.moveTo(shift - side, 2 * side);
      ctx.lineTo(shift + 2 * side, -side);
    }
    ctx.stroke();
    pane.hatch = { ratio: pane.ratio, pattern: ctx.createPattern(tile, "repeat") };
    return pane.hatch.pattern;
  }

  // The truth at the pane's size: tinted, hatched and outlined.
  function truthSheet(app, pane) {
    const strokes = strokesOf(app), { truth } = app.server;
    const drawn = strokes.map((stroke) => stroke.points.length + ":" + stroke.points[0]);
    const key = [viewKey(app, pane), truth && truth.id, ...drawn].join();
    if (pane.truthKey === key) return pane.sheets.truth;
    pane.truthKey = key;
    const mask = scratch(pane, "truth-mask");
    if (truth && layersOf(app, truth.id)) drawMask(mask, app, pane, layersOf(app, truth.id).base);
    mask.save();
    aim(mask, app, pane);
    mask.beginPath();
    mask.rect(0, 0, app.picture.width, app.picture.height);
    mask.clip();
    mask.strokeStyle = "#fff";
    mask.lineCap = mask.lineJoin = "round";
    for (const stroke of strokes) drawStroke(mask, stroke);
    mask.restore();
    const ctx = scratch(pane, "truth");
    for (const [fill, alpha] of [[TRUTH_COLOR, 0.25], [hatch(pane), 0.4]]) {
      ctx.globalAlpha = alpha;
      ctx.drawImage(tinted(pane, mask.canvas, fill, "tint"), 0, 0);
    }
    ctx.globalAlpha = 1;
    ctx.drawImage(outlined(pane, mask.canvas, "#fff", 2.6 * pane.ratio), 0, 0);
    ctx.drawImage(outlined(pane, mask.canvas, TRUTH_COLOR, 1.6 * pane.ratio), 0, 0);
    return ctx.canvas;
  }

  function paintRing(app, ctx, pane) {
    if (!app.brush.at) return;
    const [x, y] = toScreen(app.view, pane, app.picture, ...app.brush.at);
    const radius = (brushSize(app) / 2) * viewScale(app.view, pane, app.picture);
    ctx.save();
    ctx.setTransform(pane.ratio, 0, 0, pane.ratio, 0, 0);
    for (const [color, width, dash] of [["#000", 3, []], ["#fff", 1.5, app.brush.erase ? [4, 3] : []]]) {
      ctx.strokeStyle = color;
      ctx.lineWidth = width;
      ctx.setLineDash(dash);
      ctx.beginPath();
      ctx.arc(x, y, radius, 0, 2 * Math.PI);
      ctx.stroke();
    }
    ctx.restore();
  }

  function paintTruth(app, ctx, pane) {
    if (!brushing(app)) return;
    ctx.drawImage(truthSheet(app, pane), 0, 0);
    paintRing(app, ctx, pane);
  }

  function setBrush(app, on) {
    Object.assign(app.brush, { picture: on && app.picture ? app.picture.key : null, erase: false, at: null });
    app.held = [];
    if (brushing(app)) {
      app.stage.focus({ preventScroll: true });
      app.root.querySelector(".bar.brush").hidden = false;
      app.root.querySelector(".bar.brush").scrollIntoView({ block: "nearest" });
    }
    app.redraw();
  }

  function setBrushLevel(app, level) {
    app.brush.level = Math.min(Math.max(level, 1), 100);
    app.redraw();
  }

  function showBrush(app) {
    const on = brushing(app), { root, server } = app, find = (name) => root.querySelector(`[data-do="${name}"]`);
    root.querySelector(".bar.brush").hidden = !on;
    find("brush_truth").disabled = !app.picture;
    find("brush_truth").setAttribute("aria-pressed", String(on));
    if (!on) return;
    find("brush_paint").setAttribute("aria-pressed", String(!app.brush.erase));
    find("brush_erase").setAttribute("aria-pressed", String(app.brush.erase));
    const waiting = strokesOf(app).length > 0;
    find("undo").disabled = find("brush_undo").disabled = !(server.can_undo_truth || waiting);
    find("redo").disabled = find("brush_redo").disabled = !server.can_redo_truth || waiting;
    root.querySelector(".bar.brush input").value = app.brush.level;
    root.querySelector(".bar.brush output").textContent = app.labels.brush_pixels.replace("{size}", brushSize(app));
  }

  // What commands, keys and the pointer do while brushing.
  function brushMode(app) {
    const undo = () => sendStroke(app, { type: "undo_truth" }), redo = () => sendStroke(app, { type: "redo_truth" });
    const leave = (name) => [name, (event) => {
      setBrush(app, false);
      app.keys[name](event);
    }];
    const nothing = () => {};
    return {
      active: () => brushing(app),
      outlines: true,
      status: "brush_status",
      commands: { undo, redo },
      keys: {
        x: () => setErase(app, !app.brush.erase),
        "[": () => setBrushLevel(app, app.brush.level - 5),
        "]": () => setBrushLevel(app, app.brush.level + 5),
        escape: () => (app.press ? cancelPress(app) : setBrush(app, false)),
        delete: nothing,
        backspace: nothing,
        ...Object.fromEntries(["q", "e", "t", "b", "n"].map(leave)),
      },
      gesture: {
        start: (press) => startStroke(app, press),
        move: (press, x, y) => extendStroke(app, press, x, y),
        end: (press, x, y) => finishStroke(app, press, x, y),
        hover: (pane, sx, sy) => hoverBrush(app, pane, sx, sy),
      },
    };
  }

  function setErase(app, on) {
    app.brush.erase = on;
    app.redraw();
  }

  function listenBrush(app) {
    const bar = app.root.querySelector(".bar.brush");
    app.root.addEventListener("click", (event) => {
      if (event.target.closest("[data-tool], [data-do=new_object]")) setBrush(app, false);
    });
    bar.addEventListener("keydown", (event) => {
      if (event.key === "Escape") setBrush(app, false);
    });
    bar.querySelector("input").addEventListener("input", (event) => setBrushLevel(app, Number(event.target.value)));
    app.stage.addEventListener("pointerleave", () => {
      if (app.press) return;
      app.brush.at = null;
      app.redraw();
    });
  }

  function brush(app) {
    app.brush = { picture: null, level: 35, erase: false, at: null };
    listenBrush(app);
    const toggle = () => setBrush(app, !brushing(app)), mode = brushMode(app);
    return {
      mode,
      commands: {
        brush_truth: toggle,
        brush_paint: () => setErase(app, false),
        brush_erase: () => setErase(app, true),
        brush_done: () => setBrush(app, false),
        brush_undo: mode.commands.undo,
        brush_redo: mode.commands.redo,
      },
      keys: { m: toggle },
      show: () => showBrush(app),
      paintUnder: (ctx, pane) => paintTruth(app, ctx, pane),
    };
  }

  return brush;
})();
