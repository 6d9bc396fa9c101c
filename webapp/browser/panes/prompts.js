// Paints markers, boxes and the divider of the swipe on top of everything.
studio.prompts = (() => {
  const { toScreen } = studio.geometry;
  const { MODEL_COLORS, rgb } = studio.painting;

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

  return { paintDivider, paintPrompts };
})();
