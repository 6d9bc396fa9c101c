// What was drawn is kept in this browser (IndexedDB), offered when the page opens again, and forgotten
// on request: the picture or clip, or which example, and each object's clicks and boxes. A document
// has a `label` on its picture and says under which `key` it is kept and what was `said`: a list an
// object of records of clicks and a box. Those of a clip have a frame, and whether they correct a
// tracked mask; such ones are left to the document's `correct`.
studio.restore = (() => {
  const { PATIENCE, sleep, takeAnswer } = studio.calls;
  const { addObject, drawRecord, edit, openEdits, sendEdits, settled } = studio.scene;
  const { openExample, openFile } = studio.files;

  const STORE = "work", FILE = " file";
  const PAUSE = 400, STEP = 50, LONGEST = 120000;

  function asked(request) {
    return new Promise((done, fail) => {
      request.onsuccess = () => done(request.result);
      request.onerror = () => fail(request.error);
    });
  }

  // Does something in the store; null where the browser keeps nothing, as in private windows.
  async function inStore(mode, act) {
    try {
      const opening = indexedDB.open("sam2refiner-studio", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      const database = await asked(opening);
      try {
        return await asked(act(database.transaction(STORE, mode).objectStore(STORE)));
      } finally {
        database.close();
      }
    } catch {
      return null;
    }
  }

  function promptsOf(app) {
    return app.doc.said(app).map((said) => said.filter((one) => one.clicks.length || one.box)).filter((said) => said.length);
  }

  // What is open and was said; null while nothing is open that could be opened again.
  function workOf(app) {
    const { picture } = app;
    if (!picture || !app.image || app.opening) return null;
    const file = app.sent.get(app.opened) || null;
    const example = file ? null : app.examples.find((one) => one.label === picture.label);
    if (!file && !example) return null;
    const work = { name: file ? file.name : example.label, example: example ? example.name : "", objects: promptsOf(app) };
    return { work, file };
  }

  // An example to which nothing was done is not kept.
  function keep(app) {
    const found = workOf(app), { kept } = app, { key } = app.doc;
    if (!found || (!found.file && app.edits === kept.edits)) return;
    const { work, file } = found, state = JSON.stringify([app.picture.key, work.objects]);
    if (kept.state === state) return;
    kept.state = state;
    clearTimeout(kept.alarm);
    kept.alarm = setTimeout(async () => {
      await inStore("readwrite", (store) => {
        if (kept.file !== file) store.put(file, key + FILE);
        kept.file = file;
        return store.put(work, key);
      });
      if (kept.state === state) kept.alarm = 0;
    }, PAUSE);
  }

  // Leaving asks while something is drawn that is not kept yet.
  function askBeforeLeaving(app) {
    window.addEventListener("beforeunload", (event) => app.kept.alarm && event.preventDefault());
  }

  // Only what is offered again is read: a file may be large.
  async function keptFile(app) {
    return inStore("readonly", (store) => store.get(app.doc.key + FILE));
  }

  function forget(app) {
    app.kept.file = undefined;
    inStore("readwrite", (store) => {
      store.delete(app.doc.key + FILE);
      return store.delete(app.doc.key);
    });
  }

  // Whether another picture or clip than `before` is open and shown; waits until it is.
  async function shown(app, before) {
    for (let waited = 0; app.picture !== before && waited < LONGEST; waited += STEP) {
      if (!app.opening && app.image) return true;
      await sleep(STEP);
    }
    return false;
  }

  const isFirst = (one) => !one.corrects;

  // An example that opens with the same prompts stays as it is.
  function drawFirst(app, objects) {
    const first = objects.map((said) => said.filter(isFirst));
    if (JSON.stringify(promptsOf(app)) === JSON.stringify(first)) return;
    edit(app, { type: "reset" });
    first.forEach((said, at) => {
      if (at) addObject(app);
      const object = app.shown.objects[app.shown.objects.length - 1].id;
      said.forEach((one) => drawRecord(app, object, one));
    });
  }

  async function draw(app, objects) {
    drawFirst(app, objects);
    if (!await settled(app)) return;
    const ids = app.shown.objects.map((item) => item.id);
    const later = objects.flatMap((said, at) => said.filter((one) => !isFirst(one)).map((one) => ({ ...one, object: ids[at] })));
    if (later.length) await app.doc.correct(app, later.sort((one, other) => one.frame - other.frame));
  }

  // Whether it is open again.
  async function reopen(app, { example, objects }, file) {
    const before = app.picture;
    await (file ? openFile(app, file) : openExample(app, example));
    const done = await shown(app, before);
    if (done) await draw(app, objects);
    return done;
  }

  async function restore(app) {
    const { offered } = app.kept;
    offer(app, null);
    if (offered) reopen(app, offered, offered.example ? null : await keptFile(app));
  }

  // The server does not know what is open any more: it was started anew, or has let it go. Whether it
  // is sent again, with what was drawn and not answered yet, too; if that fails, after a while it
  // is tried anew. `value` answers an event, if one said so.
  function sendAgain(app, value) {
    const found = workOf(app);
    if (!found) return false;
    if (value) takeAnswer(app, value.seq, value);
    const waiting = openEdits(app);
    app.flight = null;
    app.unsent = [];
    reopen(app, found.work, found.file).then((done) => {
      if (done) return app.tell(app.labels.sent_again);
      app.unsent.unshift(...waiting);
      sleep(PATIENCE.edit).then(() => sendEdits(app));
    });
    return true;
  }

  function offer(app, work) {
    app.kept.offered = work;
    const bar = app.root.querySelector(".restore");
    bar.hidden = !work;
    app.layout();
    if (!work) return;
    const clicks = work.objects.flat().reduce((sum, one) => sum + one.clicks.length, 0);
    bar.querySelector("span").textContent = app.labels.restore_offer.replace("{name}", work.name)
      .replace("{objects}", work.objects.length).replace("{clicks}", clicks);
  }

  function feature(app) {
    app.sendAgain = (value) => sendAgain(app, value);
    app.kept = { picture: null, edits: 0, state: "", alarm: 0, offered: null, file: undefined };
    askBeforeLeaving(app);
    inStore("readonly", (store) => store.get(app.doc.key)).then((work) => offer(app, work || null));
    return {
      commands: {
        restore_work: () => restore(app),
        forget_work: () => {
          offer(app, null);
          forget(app);
        },
      },
      show: () => {
        if (app.kept.picture !== app.picture) Object.assign(app.kept, { picture: app.picture, edits: app.edits });
        keep(app);
      },
    };
  }

  return feature;
})();
