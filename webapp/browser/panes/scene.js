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
  delete_mask: (item) => { item.given = null; },
  clear: (item) => { item.clicks = []; item.box = item.given = item.answer = null; },
};

// Prompts belong to a frame of a clip; a picture has none.
function applyEdit(app, scene, edit) {
  if (edit.type === "add_object") scene.objects.push(blankObject(scene));
  else if (edit.type === "reset") scene.objects = [];
  else if (edit.type === "remove_object") {
    scene.objects = scene.objects.filter((item) => item.id !== edit.object);
  } else if (EDITS[edit.type] && edit.frame === app.at) {
    const item = scene.objects.find((one) => one.id === edit.object);
    if (item) EDITS[edit.type](item, edit);
  }
  if (!scene.objects.length) scene.objects.push(blankObject(scene));
}

function refreshScene(app) {
  const scene = sceneOf(app);
  for (const message of app.pending) message.actions.forEach((edit) => applyEdit(app, scene, edit));
  app.unsent.forEach((edit) => applyEdit(app, scene, edit));
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
  app.unsent.push(...actions.map((action) => ({ ...action, frame: app.at })));
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
  const answer = layers ? null : answerOf(app, answerId);
  if (answer) {
    layers = makeLayers(answer);
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

// Takes the server's scene: edits that it has answered are no longer pending.
function acknowledge(app, value) {
  app.answered = value.seq;
  if (app.flight && value.seq >= app.flight.seq) app.flight = null;
  if (app.opening && value.seq >= app.opening) app.opening = 0;
  app.pending = app.pending.filter((message) => message.seq > value.seq);
  app.server = value;
  if (value.message || app.late) app.say(value.message);
  app.late = false;
}
