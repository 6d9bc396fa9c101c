// Which mask is better, in words and numbers: against the true mask where there is one.
studio.verdict = (() => {
  const { percent } = studio.panel;
  const { chosenObject } = studio.scene;

  // The last row of the object's curve, `[prompts, IoU, outline, IoU, outline]`; null without a truth.
  function scoresOf(app) {
    const { truth } = app.server, rows = (truth && truth.curves[app.selected]) || [];
    const item = chosenObject(app);
    return rows.length && item && item.answer !== null ? rows[rows.length - 1] : null;
  }

  function promptsText(app, item) {
    const { labels } = app, count = item.clicks.length, parts = [];
    if (item.box) parts.push(labels.prompts_box);
    if (item.given) parts.push(labels.prompts_mask);
    if (count) parts.push(count === 1 ? labels.prompts_click : labels.prompts_clicks.replace("{count}", count));
    return parts.join(" + ");
  }

  function change(app, from, to) {
    return app.labels.verdict_change.replace("{from}", (100 * from).toFixed(1)).replace("{to}", (100 * to).toFixed(1));
  }

  function againstTruth(app, item, [, iou, biou, refinedIou, refinedBiou]) {
    const better = refinedIou > iou && refinedBiou > biou, worse = refinedIou < iou && refinedBiou < biou;
    return app.labels[better ? "verdict_better" : worse ? "verdict_worse" : "verdict_mixed"]
      .replace("{prompts}", promptsText(app, item)).replace("{iou}", change(app, iou, refinedIou))
      .replace("{biou}", change(app, biou, refinedBiou));
  }

  // What so many clicks gave on other photos, if so many were measured.
  function onAverage(app, item) {
    const { mean } = app, count = item.clicks.length;
    const row = mean && !item.box && !item.given && mean.rows.find((one) => one[0] === count);
    if (!row) return "";
    return " " + app.labels.verdict_mean.replace("{count}", promptsText(app, item))
      .replace("{base}", percent(row[2])).replace("{refined}", percent(row[4]));
  }

  function sentence(app) {
    const item = chosenObject(app), answer = item && item.answer !== null && app.answers.get(item.answer);
    if (!answer) return "";
    const scores = scoresOf(app);
    if (scores) return againstTruth(app, item, scores);
    if (!answer.differences) return "";
    return app.labels.verdict_agree.replace("{iou}", percent(answer.differences.iou)) + onAverage(app, item);
  }

  function captions(app) {
    const scores = scoresOf(app);
    ["base", "refined"].forEach((model, index) => {
      const text = scores ? app.labels.curve_iou + " " + percent(scores[1 + 2 * index]) + " · "
        + app.labels.curve_biou + " " + percent(scores[2 + 2 * index]) : "";
      const line = app.root.querySelector(".pane." + model + " i");
      if (line.textContent !== text) line.textContent = text;
    });
  }

  function verdict(app) {
    const line = app.root.querySelector(".verdict");
    const finding = app.root.querySelector(".finding");
    finding.querySelector("span").textContent = props.value.finding || "";
    finding.hidden = !props.value.finding;
    return {
      show: () => {
        captions(app);
        const text = sentence(app);
        if (line.textContent !== text) line.textContent = text;
      },
    };
  }

  return verdict;
})();
