// Long work on the server: tracking and exports. The browser asks how it goes.

const EVERY = 220;
const AFTER_LOSS = 2000;

function isBusy(app) {
  return Boolean(app.asked || (app.work && ["waiting", "running"].includes(app.work.status)));
}

// Calls the server; says what went wrong and gives null.
async function call(app, name, values) {
  const clip = app.clip;
  try {
    const reply = await app.calls[name]({ clip: clip.key, ...values });
    if (app.clip !== clip) return null;
    if (!reply.message) return reply;
    app.say(reply.message);
  } catch (error) {
    app.say(app.labels.lost);
  }
  return null;
}

async function begin(app, name, values) {
  if (!app.clip || isBusy(app) || app.flight || app.unsent.length) return;
  app.say("");
  app.asked = true;
  app.redraw();
  const reply = await call(app, name, values);
  app.asked = false;
  if (reply) {
    app.work = { kind: name === "start_track" ? "track" : "export", status: "waiting", done: 0, total: 0, ahead: 0 };
    follow(app);
  }
  app.redraw();
}

function toggleTrack(app) {
  if (isBusy(app)) {
    if (app.clip) call(app, "cancel", {});
    return;
  }
  pause(app);
  app.live = true;
  begin(app, "start_track", {});
}

function askExport(app, data) {
  begin(app, "start_export", { name: data.export });
}

async function follow(app) {
  const clip = app.clip;
  if (app.following === clip) return;
  app.following = clip;
  let more = true;
  while ((more || isBusy(app)) && app.clip === clip && app.root.isConnected) {
    let reply = null;
    try {
      reply = await app.calls.follow({ clip: clip.key, version: app.version });
    } catch (error) {
      app.say(app.labels.lost);
      await sleep(AFTER_LOSS);
      continue;
    }
    if (app.clip !== clip) break;
    if (reply.message) {
      app.say(reply.message);
      app.work = null;
      break;
    }
    takeProgress(app, reply);
    more = reply.more;
    if (!more && isBusy(app)) await sleep(EVERY);
  }
  if (app.following === clip) app.following = null;
  app.redraw();
}

function sleep(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

function takeProgress(app, reply) {
  if (app.root.querySelector(".message").textContent === app.labels.lost) app.say("");
  for (const [index, version, objects] of reply.frames) {
    const before = app.tracked.get(index);
    if (before) for (const item of before.values()) app.trackedById.delete(item.id);
    const found = new Map(objects.map(([object, item]) => [object, { ...item, id: "t" + version + "." + object }]));
    for (const item of found.values()) app.trackedById.set(item.id, item);
    app.tracked.set(index, found);
  }
  app.version = reply.version;
  app.total = reply.total;
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
  if (work.kind === "export" && work.ready) app.trigger("export_file", { seq: app.seq, picture: app.clip.key });
}
