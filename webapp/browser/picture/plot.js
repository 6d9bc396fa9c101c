// The plot of both models' quality over the number of prompts, drawn as SVG.
//
// Rows are `[prompts, IoU of SAM2, outline of SAM2, IoU of SAM2Refiner, outline of SAM2Refiner]`.
studio.plot = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const CHART = { width: 250, height: 190, left: 34, right: 10, top: 10, bottom: 30 };
  const LINES = [
    { model: "base", sign: "●", iou: 1, biou: 2 },
    { model: "refined", sign: "■", iou: 3, biou: 4 },
  ];

  function svg(tag, attributes, children) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (children) node.append(...children);
    return node;
  }

  function ticks(low, high, step) {
    const found = [];
    for (let value = low; value <= high; value += step) found.push(value);
    return found;
  }

  // Pixels of a number of prompts and of a score in percent; the scores' axis shows whole tens.
  function scalesOf(layers, metric) {
    const rows = layers.flatMap((layer) => layer.rows);
    const scores = rows.flatMap((row) => LINES.map((line) => 100 * row[line[metric]]));
    const low = Math.max(0, Math.min(80, Math.floor(Math.min(...scores) / 10) * 10));
    const high = Math.min(100, Math.max(low + 20, Math.ceil(Math.max(...scores) / 10) * 10));
    const last = Math.max(10, ...rows.map((row) => row[0]));
    const { left, right, top, bottom, width, height } = CHART;
    return {
      low, high, last,
      x: (count) => left + ((count - 1) / (last - 1)) * (width - left - right),
      y: (score) => top + ((high - score) / (high - low)) * (height - top - bottom),
    };
  }

  function axes(scales, labels) {
    const { left, right, width, height } = CHART, nodes = [];
    for (const score of ticks(scales.low, scales.high, scales.high - scales.low > 50 ? 20 : 10)) {
      const y = scales.y(score);
      nodes.push(
        svg("line", { x1: left, x2: width - right, y1: y, y2: y, class: "grid" }),
        svg("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, [String(score)]),
      );
    }
    const counts = scales.last > 12 ? ticks(1, scales.last, Math.ceil(scales.last / 8)) : [1, 2, 3, 5, 10];
    for (const count of counts) {
      nodes.push(svg("text", { x: scales.x(count), y: height - 15, "text-anchor": "middle" }, [String(count)]));
    }
    const middle = (left + width - right) / 2;
    nodes.push(svg("text", { x: middle, y: height - 2, "text-anchor": "middle" }, [labels.curve_prompts]));
    return nodes;
  }

  function marker(model, x, y, size) {
    if (model === "base") return svg("circle", { cx: x, cy: y, r: size });
    return svg("rect", { x: x - 0.9 * size, y: y - 0.9 * size, width: 1.8 * size, height: 1.8 * size });
  }

  function curveOf(layer, line, scales, metric) {
    const points = layer.rows.map((row) => [scales.x(row[0]), scales.y(100 * row[line[metric]])]);
    const markers = layer.size ? points.map(([x, y]) => marker(line.model, x, y, layer.size)) : [];
    return svg("g", { class: layer.name + " " + line.model }, [
      svg("polyline", { points: points.map((point) => point.join(",")).join(" ") }), ...markers,
    ]);
  }

  // Draws layers `{ name, rows, size }`, later ones on top; `now` marks a number of prompts.
  function drawPlot(layers, metric, now, labels) {
    const drawn = layers.filter((layer) => layer.rows.length), { top, bottom, height } = CHART;
    const scales = scalesOf(drawn, metric), nodes = axes(scales, labels);
    if (now) {
      nodes.push(svg("line", { x1: scales.x(now), x2: scales.x(now), y1: top, y2: height - bottom, class: "now" }));
    }
    for (const layer of drawn) for (const line of LINES) nodes.push(curveOf(layer, line, scales, metric));
    const label = labels.plot_title + ", " + labels["curve_" + metric];
    return svg("svg", { viewBox: "0 0 " + CHART.width + " " + CHART.height, role: "img", "aria-label": label }, nodes);
  }

  return { LINES, drawPlot };
})();
