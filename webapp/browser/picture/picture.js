// A picture and what the server says of it.

function sceneOf(app) {
  const server = app.server;
  return {
    next_id: server.next_id,
    objects: server.objects.map((item) => ({ ...item, clicks: item.clicks.map((c) => [...c]) })),
  };
}

function answerOf(app, id) {
  return app.answers.get(id);
}

function keepAnswers(app, answers) {
  for (const answer of answers) app.answers.set(answer.id, answer);
  const { objects, truth } = app.server;
  const used = new Set(objects.flatMap((item) => [item.answer, item.given && item.given.id]));
  if (truth) used.add(truth.id);
  for (const id of [...app.layers.keys()]) if (!used.has(id)) app.layers.delete(id);
  for (const id of [...app.answers.keys()]) {
    if (app.answers.size <= 120) break;
    if (!used.has(id)) app.answers.delete(id);
  }
}

function openPicture(app, picture) {
  app.picture = picture;
  app.answers.clear();
  app.layers.clear();
  app.maps.clear();
  app.pending = [];
  app.unsent = [];
  app.held = [];
  app.draft = null;
  app.image = null;
  app.selected = 0;
  const image = new Image();
  image.onload = () => {
    if (app.picture !== picture) return;
    app.image = image;
    app.layout();
  };
  image.src = picture.file.url;
  resetView(app.view, picture);
}

function receive(app, value) {
  if (!value) return;
  takeMaps(app, value.soft);
  if (value.seq === null) value.seq = app.answered;
  if (value.seq < app.answered) return;
  const other = value.picture && (!app.picture || app.picture.key !== value.picture.key);
  if (other) openPicture(app, value.picture);
  acknowledge(app, value);
  keepAnswers(app, value.answers);
  keepGiven(app);
  refreshScene(app);
  if (other) app.layout();
  if (app.since && !app.pending.length && !app.unsent.length) {
    const since = app.since;
    app.since = 0;
    requestAnimationFrame(() => setTimeout(() => {
      app.seen = performance.now() - since;
      app.redraw();
    }, 0));
  }
  sendEdits(app);
}

function askExport(app, data) {
  app.trigger("export_file", {
    seq: app.seq, have: [...app.answers.keys()], kind: data.export, model: data.model || "",
    object: app.selected,
  });
}
