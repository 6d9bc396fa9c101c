// Quality over prompts beside the panes: the measured mean, this picture's curve, the visitor's clicks.
studio.curve = (() => {
  const { make } = studio.panel;
  const { LINES, drawPlot } = studio.plot;
  const { saveSvg, savePng, saveCsv } = studio.plotFiles;
  const { chosenObject } = studio.scene;
  const { call } = studio.calls;
  const { listenChooser } = studio.files;

  function scoreCell(row, line, metric) {
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
      make("th", { textContent: row[0] }), ...columns.map(([line, metric]) => scoreCell(row, line, metric)),
    ]));
    return make("table", {}, [
      make("thead", {}, [make("tr", {}, [make("th", { textContent: app.labels.curve_prompts }), ...heads])]),
      make("tbody", {}, body),
    ]);
  }

  function yourRows(app) {
    const { truth } = app.server;
    return (truth && truth.curves[app.selected]) || [];
  }

  function ownRows(app) {
    const label = app.picture && app.picture.label;
    const example = app.examples.find((one) => one.label === label);
    return example ? example.curve : [];
  }

  function layersOf(app) {
    return [
      { name: "mean", rows: app.mean ? app.mean.rows : [], size: 0 }, { name: "own", rows: ownRows(app), size: 2.5 },
      { name: "yours", rows: yourRows(app), size: 5 },
    ];
  }

  function truthNote(app, rows) {
    const { labels } = app, { truth } = app.server, item = chosenObject(app);
    if (!truth) return labels.truth_need;
    if (!rows.length) return labels.truth_click.replace("{truth}", truth.label);
    return labels.truth_is.replace("{truth}", truth.label).replace("{object}", labels.object + " " + (item.slot + 1));
  }

  function legend(app, layers) {
    const { labels } = app, parts = LINES.map((line) => line.sign + "\u00a0" + labels[line.model]);
    if (layers[1].rows.length) parts.push(labels.plot_own);
    if (layers[0].rows.length) parts.push(labels.plot_mean.replace("{photos}", app.mean.photos));
    return parts.join(" · ");
  }

  // The count to mark on the mean while there is no truth to measure against.
  function countToMark(app) {
    const item = chosenObject(app);
    return item && !app.server.truth && !item.box && !item.given && item.clicks.length <= 10 ? item.clicks.length : 0;
  }

  function showCurve(app) {
    const section = app.root.querySelector(".truth"), layers = layersOf(app), rows = layers[2].rows;
    const { truth } = app.server, now = countToMark(app);
    const state = JSON.stringify([truth && truth.label, layers, app.metric, now, app.selected, Boolean(app.picture)]);
    if (section.dataset.state === state) return;
    section.dataset.state = state;
    for (const button of section.querySelectorAll("[data-metric]")) {
      button.setAttribute("aria-pressed", String(button.dataset.metric === app.metric));
    }
    const drawable = layers.some((layer) => layer.rows.length);
    section.querySelector(".plot-title").textContent = app.labels.plot_title;
    section.querySelector(".curves").replaceChildren(...(drawable ? [drawPlot(layers, app.metric, now, app.labels)] : []));
    section.querySelector(".legend").textContent = drawable ? legend(app, layers) : "";
    section.querySelector(".truth-note").textContent = truthNote(app, rows);
    section.querySelector('[data-do="open_truth"]').disabled = !app.picture;
    section.querySelector('[data-do="drop_truth"]').disabled = !truth;
    section.querySelector(".scores").replaceChildren(...(rows.length ? [scoreTable(app, rows)] : []));
  }

  function curve(app) {
    const chooser = app.root.querySelector(".truth-file");
    app.metric = "biou";
    listenChooser(chooser, (file) => app.sendMask("open_truth", file, {}));
    app.root.querySelector(".metrics").addEventListener("click", (event) => {
      app.metric = event.target.dataset.metric || app.metric;
      app.redraw();
    });
    const plot = () => app.root.querySelector(".curves svg");
    return {
      commands: {
        open_truth: () => chooser.click(),
        drop_truth: () => call(app, "drop_truth", { picture: app.picture.key, have: [...app.answers.keys()] }),
        plot_svg: () => saveSvg(plot()),
        plot_png: () => savePng(plot()),
        plot_csv: () => saveCsv(layersOf(app)),
      },
      show: () => showCurve(app),
    };
  }

  return curve;
})();
