// The timeline: chosen frames, a lane an object, the playhead; with mouse, finger and keys.
studio.timeline = (() => {
  const { PATIENCE, call } = studio.calls;
  const { refreshScene } = studio.scene;
  const { make } = studio.panel;
  const { rgb } = studio.painting;
  const { pressKey } = studio.keys;
  const { coverageOf, takeRange } = studio.tracked;
  const { clampFrame } = studio.frames;
  const { goTo, pause } = studio.player;
  const { dipNear } = studio.agreement;

  function share(app, frame) {
    return (100 * frame) / app.clip.frames + "%";
  }

  function laneOf(app, item) {
    const lane = make("div", { className: "lane" + (item.id === app.selected ? " selected" : "") });
    lane.style.setProperty("--slot", rgb(app.colors[item.slot % app.colors.length]));
    lane.dataset.lane = item.id;
    lane.append(make("b", { textContent: item.slot + 1 }));
    const coverage = coverageOf(app, item.id);
    for (const kind of ["fresh", "stale"]) {
      for (const [start, stop] of coverage[kind]) {
        const bar = make("i", { className: kind });
        Object.assign(bar.style, { left: share(app, start), width: share(app, stop - start) });
        lane.append(bar);
      }
    }
    for (const frame of [...item.frames.keys()].sort((a, b) => a - b)) {
      const dot = make("em", { title: app.labels.frame + " " + frame });
      dot.dataset.frame = frame;
      dot.style.left = share(app, frame + 0.5);
      lane.append(dot);
    }
    return lane;
  }

  function showLanes(app) {
    const lanes = app.root.querySelector(".lanes");
    const items = app.server.objects.map((item) => [item.id, item.slot, [...item.frames.keys()], coverageOf(app, item.id)]);
    const state = JSON.stringify([app.selected, app.clip.frames, items]);
    if (lanes.dataset.state === state) return;
    lanes.dataset.state = state;
    lanes.replaceChildren(...app.server.objects.map((item) => laneOf(app, item)));
  }

  function showRuler(app) {
    const [start, stop] = app.draftSpan || app.span;
    const find = (name) => app.root.querySelector(name);
    Object.assign(find(".chosen").style, { left: share(app, start), width: share(app, stop - start) });
    find(".handle.start").style.left = share(app, start);
    find(".handle.stop").style.left = share(app, stop);
    find(".handle.start").setAttribute("aria-valuenow", start);
    find(".handle.stop").setAttribute("aria-valuenow", stop - 1);
    find(".playhead").style.left = share(app, app.wanted + 0.5);
    const ruler = find(".ruler");
    ruler.setAttribute("aria-valuemax", app.clip.frames - 1);
    ruler.setAttribute("aria-valuenow", app.wanted);
    const seconds = (app.wanted / app.clip.fps).toFixed(2);
    find(".clock").textContent = app.labels.frame + " " + app.labels.frame_of
      .replace("{frame}", app.wanted).replace("{last}", app.clip.frames - 1).replace("{seconds}", seconds);
    const { frames, fps } = app.clip, count = stop - start;
    find(".part").textContent = count === frames ? "" : app.labels.part.replace("{count}", count)
      .replace("{frames}", frames).replace("{seconds}", (count / fps).toFixed(1)).replace("{cut}", frames - count);
  }

  function frameUnder(app, event) {
    const bounds = app.root.querySelector(".rail").getBoundingClientRect();
    return clampFrame(app, ((event.clientX - bounds.left) / bounds.width) * app.clip.frames - 0.5);
  }

  // Of several spans chosen quickly the last one counts.
  async function setSpan(app, start, stop) {
    if (start === app.span[0] && stop === app.span[1]) return;
    const { clip } = app, wish = {}, wanted = () => app.clip === clip && app.spanWish === wish;
    app.spanWish = wish;
    const options = { patience: PATIENCE.reply, tries: 3, wanted };
    const reply = await call(app, "set_span", { clip: clip.key, start, stop }, options);
    if (reply && !reply.message) {
      app.say("");
      takeRange(app, reply);
    }
    refreshScene(app);
  }

  function movedSpan(app, handle, frame) {
    const [start, stop] = app.span;
    if (handle === "start") return [Math.min(frame, stop - 1), stop];
    return [start, Math.max(frame + 1, start + 1)];
  }

  function startScrub(app, event) {
    if (!app.clip || event.button !== 0) return;
    const tracks = app.root.querySelector(".tracks");
    tracks.setPointerCapture(event.pointerId);
    const handle = event.target.closest(".handle");
    if (handle) app.scrub = handle.classList.contains("start") ? "start" : "stop";
    else if (event.target.closest(".agreement")) return goTo(app, dipNear(app, frameUnder(app, event)));
    else app.scrub = "frame";
    const lane = event.target.closest(".lane");
    if (lane) app.selected = Number(lane.dataset.lane);
    const dot = event.target.closest("em");
    if (dot) {
      app.scrub = null;
      return goTo(app, Number(dot.dataset.frame));
    }
    moveScrub(app, event);
  }

  function moveScrub(app, event) {
    if (!app.scrub) return;
    const frame = frameUnder(app, event);
    if (app.scrub !== "frame") app.draftSpan = movedSpan(app, app.scrub, frame);
    goTo(app, frame);
  }

  function endScrub(app) {
    const span = app.draftSpan;
    app.scrub = app.draftSpan = null;
    if (span) setSpan(app, ...span);
    app.redraw();
  }

  function handleKey(app, event, handle) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !app.clip) return;
    event.preventDefault();
    event.stopPropagation();
    const at = (handle === "start" ? app.span[0] : app.span[1] - 1) + step * (event.shiftKey ? 10 : 1);
    setSpan(app, ...movedSpan(app, handle, clampFrame(app, at)));
  }

  function timeline(app) {
    listenTimeline(app);
    const moveTo = (handle) => app.clip && setSpan(app, ...movedSpan(app, handle, app.wanted));
    return {
      commands: {
        start_here: () => moveTo("start"),
        stop_here: () => moveTo("stop"),
        whole: () => app.clip && setSpan(app, 0, app.clip.frames),
      },
    };
  }

  function listenTimeline(app) {
    app.stage.addEventListener("pointerdown", () => {
      app.live = false;
      pause(app);
    });
    const tracks = app.root.querySelector(".tracks");
    tracks.addEventListener("pointerdown", (event) => startScrub(app, event));
    tracks.addEventListener("pointermove", (event) => moveScrub(app, event));
    tracks.addEventListener("pointerup", () => endScrub(app));
    tracks.addEventListener("pointercancel", () => endScrub(app));
    for (const handle of ["start", "stop"]) {
      app.root.querySelector(".handle." + handle).addEventListener("keydown", (event) => handleKey(app, event, handle));
    }
    tracks.addEventListener("keydown", (event) => pressKey(app, event));
  }

  return { showLanes, showRuler, timeline };
})();
