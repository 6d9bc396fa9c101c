// The scene: what the server last said, with the edits on top that it has not answered yet.
studio.scene = (() => {
  const { PATIENCE, call, sleep, takeAnswer } = studio.calls;

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
    click: (item, action) => item.clicks.push([action.x, action.y, action.positive]),
    move: (item, action) => {
      const click = item.clicks[action.index];
      if (click) item.clicks[action.index] = [action.x, action.y, click[2]];
    },
    delete: (item, action) => item.clicks.splice(action.index, 1),
    box: (item, action) => { item.box = action.box; },
    delete_box: (item) => { item.box = null; },
    delete_mask: (item) => { item.given = null; },
    clear: (item) => { item.clicks = []; item.box = item.given = item.answer = null; },
  };

  // Prompts belong to a frame of a clip; a picture has none.
  function applyEdit(scene, action, frame) {
    if (action.type === "add_object") scene.objects.push(blankObject(scene));
    else if (action.type === "reset") scene.objects = [];
    else if (action.type === "remove_object") {
      scene.objects = scene.objects.filter((item) => item.id !== action.object);
    } else if (EDITS[action.type] && action.frame === frame) {
      const item = scene.objects.find((one) => one.id === action.object);
      if (item) EDITS[action.type](item, action);
    }
    if (!scene.objects.length) scene.objects.push(blankObject(scene));
  }

  // Edits that the server has not answered yet.
  function openEdits(app) {
    return app.flight ? [...app.flight.actions, ...app.unsent] : app.unsent;
  }

  // What was said on a frame, with what the server has not answered yet.
  function sceneAt(app, frame) {
    const scene = app.doc.scene(app, frame);
    for (const action of openEdits(app)) applyEdit(scene, action, frame);
    return scene;
  }

  function refreshScene(app) {
    const scene = sceneAt(app, app.at);
    app.shown = scene;
    if (!scene.objects.some((item) => item.id === app.selected)) {
      app.selected = scene.objects.length ? scene.objects[scene.objects.length - 1].id : 0;
    }
    app.redraw();
  }

  function chosenObject(app) {
    return app.shown.objects.find((item) => item.id === app.selected) || null;
  }

  const STROKE_WORK = 200;
  const SOON = 50;

  // Takes from the edits that wait as many as the server takes at once, at least one.
  function takeUnsent(app) {
    const { actions, work } = app.most;
    let count = 0, cost = 0;
    for (const { points } of app.unsent) {
      cost += points ? STROKE_WORK + points.length : 0;
      if (count && (count === actions || cost > work)) break;
      count++;
    }
    return app.unsent.splice(0, count);
  }

  // While one message is under way further edits wait and go together in the next. The server takes a
  // message of one number once, so that it can be sent again when its answer was lost.
  async function sendEdits(app) {
    if (app.flight || app.opening || !app.unsent.length) return;
    const flight = { seq: ++app.seq, actions: takeUnsent(app) };
    app.flight = flight;
    await call(app, "edit_prompts", {
      picture: app.picture.key, number: ++app.edits, have: [...app.answers.keys()], actions: flight.actions,
    }, {
      seq: flight.seq, patience: PATIENCE.edit, tries: Infinity, lost: "no_reply",
      wanted: () => app.flight === flight && app.root.isConnected,
    });
  }

  function edit(app, ...actions) {
    if (!app.picture || app.opening) return;
    app.say("");
    app.since = performance.now();
    app.unsent.push(...actions.map((action) => ({ frame: app.at, ...action })));
    refreshScene(app);
    sendEdits(app);
  }

  // Gives an object the clicks and the box of a record, on its frame if it has one.
  function drawRecord(app, object, { frame = app.at, clicks, box }) {
    const edits = clicks.map(([x, y, positive]) => ({ type: "click", object, frame, x, y, positive }));
    if (box) edits.unshift({ type: "box", object, frame, box });
    edit(app, ...edits);
  }

  // Waits until the server has answered all edits; false if something else was opened meanwhile.
  async function settled(app) {
    const { picture } = app;
    while (app.picture === picture && openEdits(app).length) await sleep(SOON);
    return app.picture === picture;
  }

  function addObject(app) {
    if (app.shown.objects.length >= app.most.objects) {
      app.say(app.labels.at_most.replace("{limit}", app.most.objects));
      return;
    }
    app.selected = app.shown.next_id;
    edit(app, { type: "add_object" });
  }

  // Forgets what belonged to the picture or clip before.
  function emptyScene(app) {
    Object.assign(app, { flight: null, unsent: [], held: [], draft: null, selected: 0, image: null });
  }

  // Takes the server's scene, and gives the answer to whoever waits for it. False if it is of an
  // opening that a later wish has replaced; it is kept in case that one fails. An answer may come after
  // those to later messages: then the scene, whose revision tells its age, stays as it is.
  function takeScene(app, value, isOther, open) {
    const { seq } = value;
    if (seq !== null) {
      takeAnswer(app, seq, value);
      if (seq < app.opened) return false;
      if (isOther && app.opening && seq !== app.opening) {
        app.aside = value;
        return false;
      }
      if (seq === app.opening) app.opening = 0;
      if (app.flight && seq === app.flight.seq) app.flight = null;
    }
    if (isOther) {
      emptyScene(app);
      app.opened = seq || 0;
      for (const sent of app.sent.keys()) if (sent < app.opened) app.sent.delete(sent);
      app.aside = null;
      open();
    }
    const isOld = !isOther && value.revision < app.server.revision;
    app.server = isOld ? { ...app.server, answers: value.answers, differences: value.differences } : value;
    if (value.message) app.say(value.message);
    else if (value.notice) app.tell(value.notice);
    return true;
  }

  return {
    addObject, chosenObject, drawRecord, edit, openEdits, refreshScene, sceneAt, sendEdits, settled, takeScene,
  };
})();
