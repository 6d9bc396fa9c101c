// The scene: what the server last said, with the edits on top that it has not answered yet.

const PATIENCE = 8000;
const OPENING_PATIENCE = 60000;

function nextSlot(objects) {
  const taken = new Set(objects.map((item) => item.slot));
  let slot = 0;
  while (taken.has(slot)) slot++;
  return slot;
}

function blankObject(scene) {
  return { id: scene.next_id++, slot: nextSlot(scene.objects), clicks: [], box: null, answer: null };
}

const EDITS = {
  click: (item, edit) => item.clicks.push([edit.x, edit.y, edit.positive]),
  move: (item, edit) => {
    const click = item.clicks[edit.index];
    if (click) item.clicks[edit.index] = [edit.x, edit.y, click[2]];
  },
  delete: (item, edit) => item.clicks.splice(edit.index, 1),
  box: (item, edit) => { item.box = edit.box; },
  delete_box: (item) => { item.box = null; },
  clear: (item) => { item.clicks = []; item.box = null; item.answer = null; },
};

function applyEdit(scene, edit) {
  if (edit.type === "add_object") scene.objects.push(blankObject(scene));
  else if (edit.type === "reset") scene.objects = [];
  else if (edit.type === "remove_object") {
    scene.objects = scene.objects.filter((item) => item.id !== edit.object);
  } else if (EDITS[edit.type]) {
    const item = scene.objects.find((one) => one.id === edit.object);
    if (item) EDITS[edit.type](item, edit);
  }
  if (!scene.objects.length) scene.objects.push(blankObject(scene));
}

function copyScene(server) {
  return {
    next_id: server.next_id,
    objects: server.objects.map((item) => ({ ...item, clicks: item.clicks.map((c) => [...c]) })),
  };
}

function refreshScene(app) {
  const scene = copyScene(app.server);
  for (const message of app.pending) message.actions.forEach((edit) => applyEdit(scene, edit));
  app.unsent.forEach((edit) => applyEdit(scene, edit));
  app.shown = scene;
  if (!scene.objects.some((item) => item.id === app.selected)) {
    app.selected = scene.objects.length ? scene.objects[scene.objects.length - 1].id : 0;
  }
  app.redraw();
}

function chosenObject(app) {
  return app.shown.objects.find((item) => item.id === app.selected) || null;
}

// While one message is under way further edits wait and go together in the next.
function sendEdits(app) {
  if (!app.unsent.length || app.opening) return;
  const late = app.flight && performance.now() - app.flight.at > PATIENCE;
  if (app.flight && !late) return;
  const message = { seq: ++app.seq, actions: app.unsent };
  app.pending.push(message);
  app.unsent = [];
  app.flight = { seq: message.seq, at: performance.now() };
  app.trigger("edit_prompts", {
    seq: message.seq, picture: app.picture.key, have: [...app.answers.keys()], actions: message.actions,
  });
  clearTimeout(app.alarm);
  app.alarm = setTimeout(() => {
    if (!app.flight) return;
    app.late = true;
    app.say(app.labels.no_reply);
    sendEdits(app);
  }, PATIENCE + 100);
}

function edit(app, ...actions) {
  if (!app.picture || app.opening) return;
  app.say("");
  app.since = performance.now();
  app.unsent.push(...actions);
  refreshScene(app);
  sendEdits(app);
}

function addObject(app) {
  if (app.shown.objects.length >= app.most.objects) {
    app.say(app.labels.at_most.replace("{limit}", app.most.objects));
    return;
  }
  app.selected = app.shown.next_id;
  edit(app, { type: "add_object" });
}

function layersOf(app, answerId) {
  let layers = app.layers.get(answerId);
  if (!layers && app.answers.has(answerId)) {
    layers = makeLayers(app.answers.get(answerId));
    app.layers.set(answerId, layers);
  }
  return layers;
}

// What to paint: each object's last answer, also while a newer one is awaited; the chosen on top.
function answeredObjects(app) {
  return app.shown.objects
    .filter((item) => item.answer !== null && layersOf(app, item.answer))
    .sort((a, b) => (a.id === app.selected) - (b.id === app.selected));
}

function keepAnswers(app, answers) {
  for (const answer of answers) app.answers.set(answer.id, answer);
  const used = new Set(app.server.objects.map((item) => item.answer));
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
  if (!value || value.seq < app.answered) return;
  app.answered = value.seq;
  const other = value.picture && (!app.picture || app.picture.key !== value.picture.key);
  if (other) openPicture(app, value.picture);
  if (app.flight && value.seq >= app.flight.seq) app.flight = null;
  if (app.opening && value.seq >= app.opening) app.opening = 0;
  app.pending = app.pending.filter((message) => message.seq > value.seq);
  app.server = value;
  keepAnswers(app, value.answers);
  if (value.message || app.late) app.say(value.message);
  app.late = false;
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
