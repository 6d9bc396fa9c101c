// The live curve: both models' scores against the ground truth over the prompts of the object.
studio.curve = (() => {
  const { make } = studio.panel;
  const { chosenObject } = studio.scene;
  const { call } = studio.calls;
  const { listenChooser, sendFile } = studio.files;

  const SVG = "http://www.w3.org/2000/svg";
  const CHART = { width: 320, height: 170, left: 34, right: 10, top: 20, bottom: 28 };
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
  function scalesOf(rows, columns) {
    const scores = rows.flatMap((row) => columns.map((column) => 100 * row[column]));
    const low = Math.min(80, Math.floor(Math.min(...scores) / 10) * 10);
    const high = Math.max(low + 20, Math.ceil(Math.max(...scores) / 10) * 10);
    const first = rows[0][0], last = Math.max(rows[rows.length - 1][0], first + 4);
    const { left, right, top, bottom, width, height } = CHART;
    return {
      low, high, first, last,
      x: (count) => left + ((count - first) / (last - first)) * (width - left - right),
      y: (score) => top + ((high - score) / (high - low)) * (height - top - bottom),
    };
  }

  function axes(scales, label) {
    const { left, right, width, height } = CHART, nodes = [];
    for (const score of ticks(scales.low, scales.high, scales.high - scales.low > 50 ? 20 : 10)) {
      const y = scales.y(score);
      nodes.push(
        svg("line", { x1: left, x2: width - right, y1: y, y2: y, class: "grid" }),
        svg("text", { x: left - 5, y: y + 4, "text-anchor": "end" }, [String(score)]),
      );
    }
    for (const count of ticks(scales.first, scales.last, Math.ceil((scales.last - scales.first) / 8))) {
      nodes.push(svg("text", { x: scales.x(count), y: height - 13, "text-anchor": "middle" }, [String(count)]));
    }
    nodes.push(
      svg("text", { x: left, y: 12, class: "title" }, [label + " (%)"]),
      svg("text", { x: (left + width - right) / 2, y: height - 1, "text-anchor": "middle" }, [scales.word]),
    );
    return nodes;
  }

  function marker(model, x, y) {
    if (model === "base") return svg("circle", { cx: x, cy: y, r: 3.6 });
    return svg("rect", { x: x - 3.3, y: y - 3.3, width: 6.6, height: 6.6 });
  }

  function chart(app, rows, metric) {
    const scales = scalesOf(rows, LINES.map((line) => line[metric]));
    scales.word = app.labels.curve_prompts;
    const label = app.labels["curve_" + metric];
    const lines = LINES.map((line) => {
      const points = rows.map((row) => [scales.x(row[0]), scales.y(100 * row[line[metric]])]);
      return svg("g", { class: line.model }, [
        svg("polyline", { points: points.map((point) => point.join(",")).join(" ") }),
        ...points.map(([x, y]) => marker(line.model, x, y)),
      ]);
    });
    const box = "0 0 " + CHART.width + " " + CHART.height;
    return svg("svg", { viewBox: box, role: "img", "aria-label": label }, [...axes(scales, label), ...lines]);
  }

  function scoreCell(app, row, line, metric) {
    const cell = make("td", { className: line.model, textContent: (100 * row[line[metric]]).toFixed(1) });
    Object.assign(cell.dataset, { model: line.model, metric, value: row[line[metric]] });
    return cell;
  }

  function scoreTable(app, rows) {
    const columns = ["iou", "biou"].flatMap((metric) => LINES.map((line) => [line, metric]));
    const heads = columns.map(([line, metric]) => make("th", {
      className: line.model,
      textContent: line.sign + "\u00a0" + app.labels[line.model] + " " + app.labels["curve_" + metric] + " %",
    }));
    const body = rows.map((row) => make("tr", {}, [
      make("th", { textContent: row[0] }), ...columns.map(([line, metric]) => scoreCell(app, row, line, metric)),
    ]));
    return make("div", { className: "scores" }, [make("table", {}, [
      make("thead", {}, [make("tr", {}, [make("th", { textContent: app.labels.curve_prompts }), ...heads])]),
      make("tbody", {}, body),
    ])]);
  }

  function truthNote(app, truth, rows) {
    const item = chosenObject(app), labels = app.labels;
    if (!truth) {
      const exact = app.exact.join(", ");
      const examples = exact ? labels.truth_examples.replace("{names}", exact) : "";
      return labels.truth_need.replace("{examples}", examples);
    }
    if (!rows.length) return labels.truth_click.replace("{truth}", truth.label);
    const object = labels.object + " " + (item.slot + 1);
    return labels.truth_is.replace("{truth}", truth.label).replace("{object}", object);
  }

  function showCurve(app) {
    const section = app.root.querySelector(".truth");
    const truth = app.server.truth || null;
    const rows = (truth && truth.curves[app.selected]) || [];
    const state = JSON.stringify([truth && truth.label, rows, app.selected, Boolean(app.picture), app.exact]);
    if (section.dataset.state === state) return;
    section.dataset.state = state;
    section.querySelector(".truth-note").textContent = truthNote(app, truth, rows);
    section.querySelector('[data-do="open_truth"]').disabled = !app.picture;
    section.querySelector('[data-do="drop_truth"]').hidden = !truth;
    section.querySelector(".curves").replaceChildren(...(rows.length
      ? [chart(app, rows, "iou"), chart(app, rows, "biou"), scoreTable(app, rows)] : []));
  }

  function curve(app) {
    const chooser = app.root.querySelector(".truth-file");
    app.exact = (props.value.examples || []).filter((one) => one.exact).map((one) => one.label);
    listenChooser(chooser, (file) => sendFile(app, "open_truth", file, {}));
    return {
      commands: {
        open_truth: () => chooser.click(),
        drop_truth: () => call(app, "drop_truth", { picture: app.picture.key, have: [...app.answers.keys()] }),
      },
      show: () => showCurve(app),
    };
  }

  return curve;
})();
