// Paints one pane. Everything is composed at the pane's own size, so it stays sharp at any zoom.

const MODEL_COLORS = { base: "#e69f00", refined: "#2f8fd8", both: "#ffffff" };
const CRISP = 2;

function rgb(color) {
  return "rgb(" + color.join(",") + ")";
}

function scratch(pane, name) {
  const sheets = pane.sheets || (pane.sheets = {});
  const sheet = sheets[name] || (sheets[name] = document.createElement("canvas"));
  if (sheet.width !== pane.canvas.width || sheet.height !== pane.canvas.height) {
    sheet.width = pane.canvas.width;
    sheet.height = pane.canvas.height;
  }
  const ctx = sheet.getContext("2d");
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.globalCompositeOperation = "source-over";
  ctx.globalAlpha = 1;
  ctx.clearRect(0, 0, sheet.width, sheet.height);
  return ctx;
}

function aim(ctx, app, pane) {
  const scale = viewScale(app.view, pane, app.picture) * pane.ratio;
  ctx.setTransform(
    scale, 0, 0, scale,
    (pane.width / 2) * pane.ratio - app.view.cx * scale,
    (pane.height / 2) * pane.ratio - app.view.cy * scale,
  );
  ctx.imageSmoothingEnabled = scale < CRISP;
  ctx.imageSmoothingQuality = "medium";
}

function drawMask(ctx, app, pane, layer) {
  ctx.save();
  aim(ctx, app, pane);
  ctx.transform(0, 1, 1, 0, 0, 0);
  ctx.drawImage(layer, 0, 0);
  ctx.restore();
}

function drawPicture(ctx, app, pane) {
  ctx.save();
  aim(ctx, app, pane);
  ctx.drawImage(app.image, 0, 0, app.picture.width, app.picture.height);
  ctx.restore();
}

function fillAll(ctx, operation, color) {
  ctx.globalCompositeOperation = operation;
  ctx.fillStyle = color;
  ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height);
  ctx.globalCompositeOperation = "source-over";
}

// The mask at the pane's size, white; kept until the view changes.
function maskSheet(app, pane, item, model) {
  const key = viewKey(app, pane);
  if (!pane.masks || pane.masks.key !== key || pane.masks.size > 24) {
    pane.masks = Object.assign(new Map(), { key });
  }
  const name = item.answer + model;
  let sheet = pane.masks.get(name);
  if (!sheet) {
    sheet = document.createElement("canvas");
    sheet.width = pane.canvas.width;
    sheet.height = pane.canvas.height;
    drawMask(sheet.getContext("2d"), app, pane, layersOf(app, item.answer)[model]);
    pane.masks.set(name, sheet);
  }
  return sheet;
}

function pictureSheet(app, pane) {
  const key = viewKey(app, pane);
  if (pane.pictureKey !== key) {
    drawPicture(scratch(pane, "picture"), app, pane);
    pane.pictureKey = key;
  }
  return pane.sheets.picture;
}

function tinted(pane, mask, color, name) {
  const ctx = scratch(pane, name);
  ctx.drawImage(mask, 0, 0);
  fillAll(ctx, "source-in", color);
  return ctx.canvas;
}

function outlined(pane, mask, color, width) {
  const ctx = scratch(pane, "outline");
  const steps = 8;
  for (let i = 0; i < steps; i++) {
    const angle = (2 * Math.PI * i) / steps;
    ctx.drawImage(mask, width * Math.cos(angle), width * Math.sin(angle));
  }
  ctx.globalCompositeOperation = "destination-out";
  ctx.drawImage(mask, 0, 0);
  fillAll(ctx, "source-in", color);
  return ctx.canvas;
}

function paintContour(ctx, pane, mask, color, width) {
  ctx.globalAlpha = 0.75;
  ctx.drawImage(outlined(pane, mask, "#000", (width + 1) * pane.ratio), 0, 0);
  ctx.globalAlpha = 1;
  ctx.drawImage(outlined(pane, mask, color, width * pane.ratio), 0, 0);
}

function paintModel(ctx, app, pane, model, mode) {
  for (const item of answeredObjects(app)) {
    const mask = maskSheet(app, pane, item, model);
    const color = rgb(app.colors[item.slot % app.colors.length]);
    const chosen = item.id === app.selected;
    if (mode === "contour") {
      paintContour(ctx, pane, mask, color, chosen ? 2 : 1.3);
      continue;
    }
    ctx.globalAlpha = app.opacity;
    ctx.drawImage(tinted(pane, mask, color, "tint"), 0, 0);
    ctx.globalAlpha = 1;
    if (chosen) paintContour(ctx, pane, mask, color, 1);
  }
}

function checkerboard(ctx, pane) {
  if (!pane.checks) {
    const tile = document.createElement("canvas");
    const side = Math.round(10 * pane.ratio);
    tile.width = tile.height = 2 * side;
    const draw = tile.getContext("2d");
    draw.fillStyle = "#d4d4d8";
    draw.fillRect(0, 0, 2 * side, 2 * side);
    draw.fillStyle = "#f4f4f5";
    draw.fillRect(0, 0, side, side);
    draw.fillRect(side, side, side, side);
    pane.checks = ctx.createPattern(tile, "repeat");
  }
  ctx.fillStyle = pane.checks;
  ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height);
}

function unionOf(app, pane, model, name) {
  const ctx = scratch(pane, name);
  for (const item of answeredObjects(app)) ctx.drawImage(maskSheet(app, pane, item, model), 0, 0);
  return ctx;
}

function paintCutout(ctx, app, pane) {
  checkerboard(ctx, pane);
  const cut = unionOf(app, pane, pane.model, "cut");
  cut.globalCompositeOperation = "source-in";
  cut.drawImage(pictureSheet(app, pane), 0, 0);
  ctx.drawImage(cut.canvas, 0, 0);
}

function paintDifference(ctx, app, pane) {
  ctx.drawImage(pictureSheet(app, pane), 0, 0);
  ctx.save();
  aim(ctx, app, pane);
  ctx.fillStyle = "rgba(0, 0, 0, 0.45)";
  ctx.fillRect(0, 0, app.picture.width, app.picture.height);
  ctx.restore();
  const parts = [
    ["both", "base", "refined", "destination-in", 0.45],
    ["base", "base", "refined", "destination-out", 0.95],
    ["refined", "refined", "base", "destination-out", 0.95],
  ];
  for (const [name, from, other, operation, alpha] of parts) {
    const part = unionOf(app, pane, from, "part");
    part.globalCompositeOperation = operation;
    part.drawImage(unionOf(app, pane, other, "other").canvas, 0, 0);
    fillAll(part, "source-in", MODEL_COLORS[name]);
    ctx.globalAlpha = alpha;
    ctx.drawImage(part.canvas, 0, 0);
  }
  ctx.globalAlpha = 1;
}

function paintSwipe(ctx, app, pane) {
  ctx.drawImage(pictureSheet(app, pane), 0, 0);
  const split = Math.round(app.split * ctx.canvas.width);
  const halves = [["base", 0, split], ["refined", split, ctx.canvas.width - split]];
  for (const [model, left, wide] of halves) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, 0, wide, ctx.canvas.height);
    ctx.clip();
    paintModel(ctx, app, pane, model, "overlay");
    ctx.restore();
  }
}

function paintDivider(ctx, app, pane) {
  const split = Math.round(app.split * ctx.canvas.width);
  ctx.fillStyle = MODEL_COLORS.base;
  ctx.fillRect(split - 3 * pane.ratio, 0, 2 * pane.ratio, ctx.canvas.height);
  ctx.fillStyle = MODEL_COLORS.refined;
  ctx.fillRect(split + pane.ratio, 0, 2 * pane.ratio, ctx.canvas.height);
  ctx.fillStyle = "#fff";
  ctx.fillRect(split - pane.ratio, 0, 2 * pane.ratio, ctx.canvas.height);
  ctx.beginPath();
  ctx.arc(split, ctx.canvas.height / 2, 13 * pane.ratio, 0, 2 * Math.PI);
  ctx.fill();
  ctx.fillStyle = "#333";
  ctx.font = 15 * pane.ratio + "px sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText("↔", split, ctx.canvas.height / 2);
}

function paintMarker(ctx, x, y, positive, chosen) {
  const radius = chosen ? 8.5 : 6;
  ctx.beginPath();
  if (positive) ctx.arc(x, y, radius, 0, 2 * Math.PI);
  else ctx.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  ctx.fillStyle = positive ? "#15803d" : "#c81e1e";
  ctx.fill();
  ctx.lineWidth = 2;
  ctx.strokeStyle = "#fff";
  ctx.stroke();
  const arm = radius - 3;
  ctx.beginPath();
  ctx.moveTo(x - arm, y);
  ctx.lineTo(x + arm, y);
  if (positive) {
    ctx.moveTo(x, y - arm);
    ctx.lineTo(x, y + arm);
  }
  ctx.lineWidth = 2.4;
  ctx.stroke();
}

function paintBox(ctx, app, pane, box, color, chosen) {
  const [x0, y0] = toScreen(app.view, pane, app.picture, box[0], box[1]);
  const [x1, y1] = toScreen(app.view, pane, app.picture, box[2], box[3]);
  for (const [stroke, dash, width] of [["#fff", [], 3.5], [color, [7, 4], 2]]) {
    ctx.setLineDash(dash);
    ctx.lineWidth = chosen ? width : width / 2;
    ctx.strokeStyle = stroke;
    ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }
  ctx.setLineDash([]);
  if (!chosen) return;
  for (const [x, y] of [[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) {
    ctx.fillStyle = color;
    ctx.fillRect(x - 5, y - 5, 10, 10);
    ctx.lineWidth = 2;
    ctx.strokeStyle = "#fff";
    ctx.strokeRect(x - 5, y - 5, 10, 10);
  }
}

function paintPrompts(ctx, app, pane) {
  ctx.setTransform(pane.ratio, 0, 0, pane.ratio, 0, 0);
  const items = app.shown.objects;
  for (const item of [...items].sort((a, b) => (a.id === app.selected) - (b.id === app.selected))) {
    const chosen = item.id === app.selected;
    const color = rgb(app.colors[item.slot % app.colors.length]);
    if (item.box) paintBox(ctx, app, pane, item.box, color, chosen);
    for (const [x, y, positive] of item.clicks) {
      paintMarker(ctx, ...toScreen(app.view, pane, app.picture, x, y), positive, chosen);
    }
  }
  if (app.draft) paintBox(ctx, app, pane, app.draft, "#222", false);
  for (const held of app.held) {
    paintMarker(ctx, ...toScreen(app.view, pane, app.picture, held.x, held.y), held.positive, true);
  }
}

function viewKey(app, pane) {
  const { view, picture } = app;
  return [picture.key, app.at, view.zoom, view.cx, view.cy, pane.canvas.width, pane.canvas.height].join();
}

function backingKey(app, pane) {
  const answers = app.shown.objects.map((item) => item.slot + ":" + item.answer);
  return [viewKey(app, pane), app.mode, app.opacity, app.split, app.selected, ...answers].join();
}

// Views that are more than masks on the picture.
const PAINTERS = { cutout: paintCutout, difference: paintDifference, swipe: paintSwipe };

// All but the prompts; painted again only when something of it changes.
function paintBacking(app, pane) {
  const key = backingKey(app, pane);
  if (pane.backingKey === key) return;
  pane.backingKey = key;
  const ctx = scratch(pane, "backing");
  if (PAINTERS[app.mode]) return PAINTERS[app.mode](ctx, app, pane);
  ctx.drawImage(pictureSheet(app, pane), 0, 0);
  paintModel(ctx, app, pane, pane.model, app.mode);
}

function paintPane(app, pane) {
  const ctx = pane.canvas.getContext("2d");
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, pane.canvas.width, pane.canvas.height);
  if (!app.picture || !app.image) return;
  paintBacking(app, pane);
  ctx.drawImage(pane.sheets.backing, 0, 0);
  if (app.paintUnder) app.paintUnder(ctx, pane);
  if (app.mode === "swipe") paintDivider(ctx, app, pane);
  paintPrompts(ctx, app, pane);
}
