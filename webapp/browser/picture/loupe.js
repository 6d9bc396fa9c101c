// Where do they differ: steps through the regions that only one mask has, both panes at once. What is
// measured of masks is asked for once they are painted, and kept with their answer.
studio.loupe = (() => {
  const { showRegion, toScreen } = studio.geometry;
  const { call } = studio.calls;
  const { chosenObject } = studio.scene;
  const { isBusy } = studio.picturePanel;
  const { visiblePane } = studio.keys;

  function chosenAnswer(app) {
    const item = chosenObject(app);
    return (item && item.answer !== null && app.answers.get(item.answer)) || null;
  }

  // Null while they are awaited, too.
  function differencesOf(app) {
    const answer = chosenAnswer(app);
    return (answer && answer.differences) || null;
  }

  // The ids of the answers shown that were not measured yet.
  function unmeasured(app) {
    const answers = app.shown.objects.map((item) => app.answers.get(item.answer));
    return answers.filter((answer) => answer && !answer.differences).map((answer) => answer.id);
  }

  // Edits go first, so that they are not held up. Each wish is sent once; what comes is kept with
  // the answers, however late it is.
  async function askDifferences(app) {
    const answers = unmeasured(app), wish = answers.join();
    if (!wish || wish === app.loupe.asked || !app.image || app.opening || isBusy(app)) return;
    app.loupe.asked = wish;
    await call(app, "show_differences", {
      picture: app.picture.key, have: [...app.answers.keys()], answers,
    }, { lost: "", failed: "differences_failed", wanted: () => unmeasured(app).join() === wish });
  }

  // The number of the region looked at, from 0; -1 if there is none, or the masks are others by now.
  function regionAt(app) {
    const item = chosenObject(app);
    return item && app.loupe.answer === item.answer ? app.loupe.index : -1;
  }

  function lookAt(app, index) {
    const [x, y, width, height] = differencesOf(app).regions[index];
    Object.assign(app.loupe, { answer: chosenObject(app).answer, index });
    showRegion(app.view, visiblePane(app), app.picture, x, y, x + width, y + height);
    app.redraw();
  }

  function stepRegion(app, by) {
    const found = differencesOf(app), count = found ? found.regions.length : 0;
    if (!count) return;
    const at = regionAt(app);
    lookAt(app, at < 0 ? (by > 0 ? 0 : count - 1) : (at + by + count) % count);
  }

  function largestRegion(app) {
    const found = differencesOf(app);
    if (found && found.regions.length) lookAt(app, 0);
  }

  function pixelsOf(app, count) {
    return app.labels.pixels.replace("{count}", count.toLocaleString("en"));
  }

  function regionText(app, found) {
    if (!found) return "";
    if (!found.pixels) return app.labels.region_none;
    const at = regionAt(app), count = found.regions.length;
    if (at >= 0) {
      return app.labels.region_at.replace("{number}", at + 1).replace("{count}", count)
        .replace("{pixels}", pixelsOf(app, found.regions[at][4]));
    }
    const smaller = found.smaller ? app.labels.region_smaller.replace("{count}", found.smaller) : "";
    return app.labels.region_all.replace("{count}", count).replace("{smaller}", smaller)
      .replace("{pixels}", pixelsOf(app, found.pixels));
  }

  function showLoupe(app) {
    const found = differencesOf(app), line = app.root.querySelector(".region");
    // Until they are measured, what was said of the masks before stays in its place.
    const awaited = !found && chosenAnswer(app) !== null;
    line.classList.toggle("former", awaited);
    if (awaited) return;
    const text = regionText(app, found);
    if (line.textContent !== text) line.textContent = text;
    for (const name of ["largest", "previous_region", "next_region"]) {
      app.root.querySelector('[data-do="' + name + '"]').disabled = !found || !found.regions.length;
    }
  }

  // Corners around the region looked at; where all of the picture is shown they would be in the way.
  function paintRegion(app, ctx, pane) {
    const at = regionAt(app), found = differencesOf(app);
    if (at < 0 || !found || app.view.zoom <= 1) return;
    const [x, y, width, height] = found.regions[at], gap = 4;
    const [x0, y0] = toScreen(app.view, pane, app.picture, x, y);
    const [x1, y1] = toScreen(app.view, pane, app.picture, x + width, y + height);
    ctx.setTransform(pane.ratio, 0, 0, pane.ratio, 0, 0);
    ctx.beginPath();
    for (const [cx, cy, dx, dy] of [
      [x0 - gap, y0 - gap, 12, 12], [x1 + gap, y0 - gap, -12, 12],
      [x0 - gap, y1 + gap, 12, -12], [x1 + gap, y1 + gap, -12, -12],
    ]) {
      ctx.moveTo(cx + dx, cy);
      ctx.lineTo(cx, cy);
      ctx.lineTo(cx, cy + dy);
    }
    for (const [color, wide] of [["#000", 4.5], ["#fff", 2.2]]) {
      ctx.strokeStyle = color;
      ctx.lineWidth = wide;
      ctx.stroke();
    }
    ctx.setTransform(1, 0, 0, 1, 0, 0);
  }

  function loupe(app) {
    app.loupe = { answer: null, index: -1, asked: "" };
    const largest = () => largestRegion(app), previous = () => stepRegion(app, -1), next = () => stepRegion(app, 1);
    return {
      commands: { largest, previous_region: previous, next_region: next },
      keys: { l: largest, ",": previous, ".": next },
      show: () => {
        showLoupe(app);
        setTimeout(() => askDifferences(app));
      },
      paintUnder: (ctx, pane) => paintRegion(app, ctx, pane),
    };
  }

  return loupe;
})();
