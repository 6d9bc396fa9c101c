// Long work on the server: tracking and exports. The browser asks how it goes.
studio.work = (() => {
  const { PATIENCE, call, sleep } = studio.calls;
  const { refreshScene, openEdits } = studio.scene;
  const { takeRange } = studio.tracked;
  const { showFrame } = studio.frames;
  const { pause, playLoop } = studio.player;
  const EVERY = 220;

  function isActive(work) {
    return Boolean(work) && ["waiting", "running"].includes(work.status);
  }

  function isBusy(app) {
    return app.asked || isActive(app.work);
  }

  function shows(app, clip) {
    return app.clip === clip && app.root.isConnected;
  }

  // How the work goes; null if the clip is no longer shown, or there is no such clip.
  async function askProgress(app, clip, tries) {
    const wanted = () => shows(app, clip), options = { patience: PATIENCE.reply, tries, wanted };
    const reply = await call(app, "follow", { clip: clip.key, version: app.version }, options);
    if (!reply) return null;
    if (reply.message) app.work = null;
    else takeProgress(app, reply);
    return reply.message ? null : reply;
  }

  async function begin(app, name, values) {
    if (!app.clip || isBusy(app) || openEdits(app).length) return;
    const { clip } = app, kind = name === "start_track" ? "track" : "export";
    app.say("");
    app.asked = true;
    app.cancelling = false;
    app.redraw();
    // It may have begun although the answer was lost.
    const again = async () => {
      await askProgress(app, clip, 1);
      return !isActive(app.work) && !(kind === "track" && app.needed === 0);
    };
    const options = { patience: PATIENCE.reply, tries: 3, wanted: () => shows(app, clip), again };
    const reply = await call(app, name, { clip: clip.key, ...values }, options);
    app.asked = false;
    if (app.clip !== clip) return;
    if (reply && !reply.message) app.work = { kind, status: "waiting", done: 0, total: 0, ahead: 0 };
    if (isBusy(app)) follow(app);
    app.redraw();
  }

  function toggleTrack(app) {
    if (!app.clip) return;
    if (isBusy(app)) {
      const { clip } = app, wanted = () => shows(app, clip);
      app.cancelling = true;
      call(app, "cancel", { clip: clip.key }, { patience: PATIENCE.reply, tries: 3, wanted });
      return;
    }
    pause(app);
    app.live = true;
    begin(app, "start_track", {});
  }

  // Tracks the frames before `until`; resolves when that has ended, in whatever way.
  async function trackTo(app, until) {
    const { clip } = app;
    pause(app);
    app.live = true;
    await begin(app, "start_track", { until });
    while (isBusy(app) && shows(app, clip)) await sleep(EVERY);
  }

  async function follow(app) {
    const { clip } = app;
    if (app.following === clip) return;
    app.following = clip;
    let more = true;
    while ((more || isBusy(app)) && shows(app, clip)) {
      const reply = await askProgress(app, clip, Infinity);
      if (!reply) break;
      more = reply.more;
      if (!more && isBusy(app)) await sleep(EVERY);
    }
    if (app.following === clip) app.following = null;
    app.redraw();
  }

  function takeProgress(app, reply) {
    for (const [index, version, objects] of reply.frames) {
      const before = app.tracked.get(index);
      if (before) for (const item of before.values()) app.trackedById.delete(item.id);
      const found = new Map(objects.map(([object, item]) => [object, { ...item, id: "t" + version + "." + object }]));
      for (const item of found.values()) app.trackedById.set(item.id, item);
      app.tracked.set(index, found);
    }
    app.version = reply.version;
    app.clip.frame_seconds = reply.frame_seconds;
    takeRange(app, reply);
    takeWork(app, reply.work);
    refreshScene(app);
    const newest = reply.frames.length ? reply.frames[reply.frames.length - 1][0] : null;
    if (app.live && newest !== null && !reply.more) showFrame(app, newest);
  }

  function takeWork(app, work) {
    const before = app.work;
    app.work = work;
    if (!work || !before || before.status === work.status) return;
    if (work.status === "failed") app.say(work.message);
    if (work.kind === "track" && work.status === "done" && app.live && app.needed === 0) playLoop(app);
    if (work.kind === "export" && work.ready) {
      call(app, "export_file", { picture: app.clip.key }, { tries: 1, failed: "no_download" });
    }
  }

  function askExport(app, data) {
    begin(app, "start_export", { name: data.export });
  }

  function tracking(app) {
    return { commands: { track: () => toggleTrack(app) } };
  }

  return { askExport, follow, isBusy, trackTo, tracking };
})();
