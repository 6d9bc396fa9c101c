// Buttons, figures and messages of a clip. Text goes in as textContent only.
studio.clipPanel = (() => {
  const { chosenObject, openEdits } = studio.scene;
  const { make, openingText, percent, press, promptsUsed, showCaption, showObjects, waitingText } = studio.panel;
  const { coverageOf } = studio.tracked;
  const { isBusy } = studio.work;
  const { showLanes, showRuler } = studio.timeline;
  const { showAgreement } = studio.agreement;

  function clockTime(seconds) {
    if (seconds < 90) return Math.max(1, Math.round(seconds)) + " s";
    return Math.floor(seconds / 60) + ":" + String(Math.round(seconds) % 60).padStart(2, "0") + " min";
  }

  function showNotes(app) {
    const list = app.root.querySelector(".notes");
    list.hidden = !app.clip.notes.length;
    list.replaceChildren(...app.clip.notes.map((note) => make("li", { textContent: note })));
  }

  function showClip(app) {
    const { width, height, fps, frames, seconds, audio, label, licence } = app.clip;
    const facts = app.labels.clip_facts.replace("{size}", width + "×" + height)
      .replace("{fps}", Number(fps.toFixed(3))).replace("{frames}", frames).replace("{seconds}", seconds.toFixed(2));
    const parts = [label, facts, audio && app.labels.with_sound, licence];
    app.root.querySelector(".about-picture").textContent = parts.filter(Boolean).join(" · ");
    for (const button of app.root.querySelectorAll("[data-example]")) {
      button.setAttribute("aria-pressed", String(button.dataset.label === label));
    }
  }

  // Bytes that the masks of one frame take, by those that are there.
  function maskBytes(app) {
    const known = [...app.answers.values(), ...app.trackedById.values()].slice(-20);
    const sizes = known.map((item) => item.base.counts.length + item.refined.counts.length);
    const mean = sizes.length ? sizes.reduce((sum, size) => sum + size, 0) / sizes.length : 2 * (app.clip.width + app.clip.height);
    return mean * Math.max(1, app.server.objects.length);
  }

  function showEstimate(app) {
    const line = app.root.querySelector(".estimate"), clip = app.clip;
    const count = app.needed || app.span[1] - app.span[0];
    const done = app.needed === 0 && prompted(app);
    const bytes = count * (clip.frame_bytes + maskBytes(app));
    const further = Math.max(app.server.objects.filter((item) => item.frames.size).length - 1, 0);
    const seconds = count * clip.frame_seconds * (1 + clip.further * further);
    line.textContent = done || isBusy(app) || !clip.frame_seconds ? "" : app.labels[clip.start_seconds ? "estimate_lent" : "estimate"]
      .replace("{frames}", app.labels[count === 1 ? "one_frame" : "frames"])
      .replace("{time}", clockTime((clip.start_seconds ?? 0) + seconds))
      .replace("{memory}", Math.max(1, Math.round(bytes / 1e6))).replace("{count}", count);
  }

  function prompted(app) {
    return app.server.objects.some((item) => [...item.frames.keys()].some((frame) => frame >= app.span[0] && frame < app.span[1]));
  }

  function firstStale(app) {
    const starts = app.server.objects.flatMap((item) => coverageOf(app, item.id).stale.map((span) => span[0]));
    return starts.length ? Math.min(...starts) : null;
  }

  function trackLabel(app) {
    const stale = firstStale(app);
    if (isBusy(app)) return app.labels[app.cancelling ? "cancelling" : "cancel"];
    if (prompted(app) && app.needed === 0) return app.labels.tracked_all;
    if (stale !== null) return app.labels.track_again.replace("{frame}", stale);
    const begun = app.server.objects.some((item) => coverageOf(app, item.id).fresh.length);
    return begun ? app.labels.track_more : app.labels.track;
  }

  function showTrack(app) {
    const button = app.root.querySelector('[data-do="track"]'), busy = isBusy(app);
    const label = trackLabel(app);
    if (button.textContent !== label) button.textContent = label;
    button.classList.toggle("cancel", busy);
    button.disabled = busy ? app.cancelling : (!prompted(app) || app.needed === 0 || openEdits(app).length > 0);
    const meter = app.root.querySelector(".meter"), work = app.work;
    meter.classList.toggle("busy", busy);
    const part = busy && work && work.total ? work.done / work.total : 0;
    meter.firstElementChild.style.width = 100 * part + "%";
    meter.setAttribute("aria-valuenow", busy && work ? work.done : 0);
    meter.setAttribute("aria-valuemax", busy && work ? work.total : 0);
  }

  function workStatus(app) {
    const { labels, work } = app;
    if (!work || work.status === "waiting") {
      return work && work.ahead ? labels.waiting.replace("{ahead}", work.ahead) : labels.starting;
    }
    const text = work.kind === "track" ? labels.tracking : labels.writing;
    if (work.kind === "track" && work.remaining === null) return labels.starting;
    return text.replace("{done}", work.done).replace("{total}", work.total)
      .replace("{time}", clockTime(work.remaining || 0));
  }

  function statusOf(app) {
    if (app.opening) return openingText(app);
    if (!app.clip) return app.labels.nothing_open;
    if (isBusy(app)) return app.cancelling ? app.labels.cancelling_status : workStatus(app);
    if (app.held.length) return app.labels.held.replace("{count}", app.held.length);
    if (openEdits(app).length) return waitingText(app, "busy");
    if (app.tool === "box") return app.labels.box_status;
    if (!prompted(app)) return app.labels.empty;
    if (firstStale(app) !== null) return app.labels.stale.replace("{frame}", firstStale(app));
    if (app.work && app.work.status === "cancelled") return app.labels.cancelled;
    return app.labels[app.needed ? "prompted" : "fixable"];
  }

  function stepOf(app) {
    if (!app.clip || !prompted(app)) return "click";
    if (app.work && app.work.kind === "export") return "download";
    return app.needed ? "track" : "fix";
  }

  function showStep(app) {
    const now = stepOf(app);
    for (const step of app.root.querySelectorAll("[data-step]")) {
      if (step.dataset.step === now) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
  }

  function showScores(app) {
    const { labels, total } = app, whole = (value) => Math.round(100 * value) + " %";
    const slider = app.viewName === "swipe" ? app.root.querySelectorAll(".pane.single figcaption span") : [];
    ["base", "refined"].forEach((model, index) => {
      const [j, f] = total ? total[model].map(whole) : [];
      write(app.root.querySelector(".pane." + model + " i"), total ? labels.caption.replace("{j}", j).replace("{f}", f) : "");
      const name = labels[model];
      if (slider[index]) write(slider[index], total ? labels.caption_slider.replace("{model}", name).replace("{j}", j) : name);
    });
  }

  function write(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function clipFigures(app) {
    const { labels, total } = app, item = chosenObject(app);
    const answer = item && item.answer !== null && app.doc.answer(app, item.answer);
    const rows = [];
    if (answer) rows.push([labels.agreement_here, percent(answer.iou), "iou"], [labels.prompts, promptsUsed(app, item), "prompts"]);
    if (answer && answer.scores) rows.push([labels.j_here, both(answer.scores[0][0], answer.scores[1][0]), "j-here"]);
    if (total) {
      const mean = (score) => (score[0] + score[1]) / 2;
      rows.push(
        [labels.total_j, both(total.base[0], total.refined[0]), "j"],
        [labels.total_f, both(total.base[1], total.refined[1]), "f"],
        [labels.total_jf, both(mean(total.base), mean(total.refined)), "jf"],
        [labels.scored, String(total.frames), "scored"],
      );
    }
    return rows;
  }

  function both(base, refined) {
    const part = (model, value) => make("span", { className: model, textContent: percent(value) });
    return [part("base", base), " / ", part("refined", refined)];
  }

  function showFigures(app) {
    const rows = clipFigures(app);
    app.root.querySelector(".facts").replaceChildren(...rows.map(([label, value, name]) => {
      const row = make("div", {}, [make("dt", { textContent: label }), make("dd", {}, [value].flat())]);
      row.dataset.fact = name;
      return row;
    }));
  }

  function enable(app) {
    const item = chosenObject(app), find = (name) => app.root.querySelector('[data-do="' + name + '"]');
    const waiting = openEdits(app).length > 0;
    find("undo").disabled = !(app.server.can_undo || waiting);
    find("redo").disabled = !app.server.can_redo || waiting;
    find("clear").disabled = !item || !(item.clicks.length || item.box);
    find("reset").disabled = !app.clip;
    find("largest").disabled = !item || item.answer === null;
    for (const name of ["back", "on", "play", "loop"]) find(name).disabled = !app.clip;
    for (const name of ["start_here", "stop_here", "whole"]) find(name).disabled = !app.clip || isBusy(app);
    find("play").textContent = app.playing ? app.labels.pause : app.labels.play;
    find("loop").setAttribute("aria-pressed", String(app.loop));
    const masks = app.tracked.size || app.server.objects.some((one) => one.frames.size);
    for (const button of app.root.querySelectorAll("[data-export]")) button.disabled = !masks || isBusy(app);
  }

  function showPanel(app) {
    press(app.root.querySelectorAll("[data-tool]"), "tool", app.tool);
    press(app.root.querySelectorAll("[data-view]"), "view", app.viewName);
    app.stage.classList.toggle("touch-all", app.tool === "box" || app.view.zoom > 1);
    app.stage.classList.toggle("waiting", Boolean(app.opening));
    write(app.root.querySelector(".status"), statusOf(app));
    app.root.querySelector(".timeline").hidden = !app.clip;
    showStep(app);
    showObjects(app);
    showCaption(app);
    showScores(app);
    enable(app);
    if (!app.clip) return;
    showClip(app);
    showFigures(app);
    showEstimate(app);
    showTrack(app);
    showRuler(app);
    showLanes(app);
    showAgreement(app);
  }

  return { showNotes, showPanel };
})();
