// What was drawn is kept in this browser (IndexedDB), offered when the page opens again, and forgotten
// on request: the picture, or which example, and each object's clicks and box.
studio.restore = (() => {
  const { sleep, takeAnswer } = studio.calls;
  const { addObject, edit } = studio.scene;
  const { openExample, openFile } = studio.files;

  const STORE = "work", KEY = "picture";
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
    return app.shown.objects.map(({ clicks, box }) => ({ clicks, box })).filter((one) => one.clicks.length || one.box);
  }

  // The picture and its prompts; null while nothing is open that could be opened again.
  function workOf(app) {
    const { picture, sent } = app;
    if (!picture || !app.image || app.opening) return null;
    const file = sent && sent.seq === app.opened ? sent.file : null;
    const example = file ? null : app.examples.find((one) => one.label === picture.label);
    if (!file && !example) return null;
    return { file, name: file ? file.name : example.label, example: example ? example.name : "", objects: promptsOf(app) };
  }

  // An example to which nothing was done is not kept.
  function keep(app) {
    const work = workOf(app);
    if (!work || (!work.file && app.edits === app.work.edits)) return;
    const state = JSON.stringify([app.picture.key, work.objects]);
    if (app.work.state === state) return;
    app.work.state = state;
    clearTimeout(app.work.alarm);
    app.work.alarm = setTimeout(() => inStore("readwrite", (store) => store.put(work, KEY)), PAUSE);
  }

  async function opened(app, before) {
    for (let waited = 0; waited < LONGEST; waited += STEP) {
      if (app.picture !== before && !app.opening && app.image) return true;
      await sleep(STEP);
    }
    return false;
  }

  function draw(app, objects) {
    edit(app, { type: "reset" });
    objects.forEach(({ clicks, box }, at) => {
      if (at) addObject(app);
      const object = app.shown.objects[app.shown.objects.length - 1].id;
      if (box) edit(app, { type: "box", object, box });
      edit(app, ...clicks.map(([x, y, positive]) => ({ type: "click", object, x, y, positive })));
    });
  }

  // Whether it is open again.
  async function reopen(app, work) {
    const before = app.picture;
    if (work.file) openFile(app, work.file);
    else openExample(app, work.example);
    const done = await opened(app, before);
    if (done) draw(app, work.objects);
    return done;
  }

  function restore(app) {
    const { offered } = app.work;
    offer(app, null);
    if (offered) reopen(app, offered);
  }

  // The server does not know the picture any more: it was started anew, or has let it go. Whether it
  // is sent again, with what was drawn and not answered yet, too.
  function sendAgain(app, value) {
    const work = workOf(app);
    if (!work) return false;
    takeAnswer(app, value.seq, value);
    app.flight = null;
    app.unsent = [];
    reopen(app, work).then((done) => done && app.say(app.labels.sent_again));
    return true;
  }

  function offer(app, work) {
    app.work.offered = work;
    const bar = app.root.querySelector(".restore");
    bar.hidden = !work;
    if (!work) return;
    const clicks = work.objects.reduce((sum, one) => sum + one.clicks.length, 0);
    bar.querySelector("span").textContent = app.labels.restore_offer.replace("{name}", work.name)
      .replace("{objects}", work.objects.length).replace("{clicks}", clicks);
  }

  function feature(app) {
    app.sendAgain = (value) => sendAgain(app, value);
    app.work = { picture: null, edits: 0, state: "", alarm: 0, offered: null };
    inStore("readonly", (store) => store.get(KEY)).then((work) => offer(app, work || null));
    return {
      commands: {
        restore_work: () => restore(app),
        forget_work: () => {
          offer(app, null);
          inStore("readwrite", (store) => store.delete(KEY));
        },
      },
      show: () => {
        if (app.work.picture !== app.picture) Object.assign(app.work, { picture: app.picture, edits: app.edits });
        keep(app);
      },
    };
  }

  return feature;
})();
