// A clip, what the server says of it, and what the current frame shows of that; starts the video tab.
(() => {
  const { resetView } = studio.geometry;
  const { openEdits, refreshScene, sceneAt, sendEdits, takeScene } = studio.scene;
  const { shownAnswer, takeRange, trackedOf } = studio.tracked;
  const { showFrame } = studio.frames;
  const { openExample } = studio.files;
  const { askExport, follow } = studio.work;
  const { playLoop } = studio.player;
  const { correct } = studio.correction;
  const { showNotes, showPanel } = studio.clipPanel;
  const KEPT = 240;

  const fields = () => ({
    clip: null, at: 0, wanted: 0, span: [0, 1], needed: 0, coverage: new Map(),
    jpegs: new Map(), bitmaps: new Map(), tracked: new Map(), trackedById: new Map(), version: 0,
    examples: props.value.examples || [], work: null, asked: false, cancelling: false, following: null, total: null, playing: false, loop: false, live: false,
    scrub: null, draftSpan: null, spanWish: null, clock: null, fetching: false, nextFetch: null,
  });

  function scene(app, frame) {
    const objects = app.server.objects.map((item) => {
      const said = item.frames.get(frame);
      return {
        id: item.id, slot: item.slot, clicks: said ? said.clicks.map((click) => [...click]) : [],
        box: said ? said.box : null, answer: shownAnswer(app, frame, item.id, said),
      };
    });
    return { next_id: app.server.next_id, objects };
  }

  // What was said of each object, a record a frame, with what the server has not answered yet.
  function said(app) {
    const frames = new Set(app.server.objects.flatMap((item) => [...item.frames.keys()]));
    for (const { frame } of openEdits(app)) frames.add(frame);
    const scenes = [...frames].sort((one, other) => one - other).map((frame) => [frame, sceneAt(app, frame)]);
    return app.shown.objects.map(({ id }) => scenes.map(([frame, { objects }]) => {
      const { clicks, box } = objects.find((item) => item.id === id);
      return { frame, clicks, box, corrects: isCorrection(app, frame, id) };
    }));
  }

  function isCorrection(app, frame, object) {
    const item = app.server.objects.find((one) => one.id === object), record = item && item.frames.get(frame);
    return record ? record.corrects : Boolean(trackedOf(app, frame, object));
  }

  function keepAnswers(app) {
    for (const answer of app.server.answers) app.answers.set(answer.id, answer);
    const said = app.server.objects.flatMap((item) => [...item.frames.values()]);
    const used = new Set(said.map((one) => one.answer));
    for (const id of [...app.answers.keys()]) {
      if (app.answers.size <= KEPT) break;
      if (!used.has(id)) app.answers.delete(id);
    }
  }

  function openClip(app, clip) {
    for (const bitmap of app.bitmaps.values()) if (bitmap.close) bitmap.close();
    for (const map of ["jpegs", "bitmaps", "tracked", "trackedById", "answers", "layers"]) app[map] = new Map();
    Object.assign(app, {
      clip, picture: { key: clip.key, width: clip.width, height: clip.height, label: clip.label }, at: 0, wanted: 0,
      version: 0, work: null, total: null, playing: false, live: false, fetching: false, nextFetch: null,
    });
    resetView(app.view, app.picture);
    showNotes(app);
  }

  function receive(app, value) {
    if (!value) return;
    const { clip } = value, isOther = Boolean(clip) && (!app.clip || app.clip.key !== clip.key);
    const isAnswer = app.flight && value.seq === app.flight.seq;
    if (!clip && app.clip && isAnswer && app.sendAgain(value)) return;
    for (const item of value.objects) item.frames = new Map(item.frames);
    const none = { ...app.server, seq: value.seq, message: value.message, answers: [], frame: null };
    if (!takeScene(app, !clip && app.clip ? none : value, isOther, () => openClip(app, clip))) return;
    if (clip) {
      if (isOther) app.selected = value.objects[0].id;
      app.clip.frame_seconds = clip.frame_seconds;
      keepAnswers(app);
      if (app.server === value) takeRange(app, value);
    }
    refreshScene(app);
    if (app.server === value && typeof value.frame === "number") showFrame(app, value.frame);
    if (isOther) {
      app.layout();
      takeTracked(app);
    }
    sendEdits(app);
  }

  // An example may come tracked.
  async function takeTracked(app) {
    const { clip } = app;
    await follow(app);
    if (app.clip === clip && app.tracked.size && app.needed === 0) playLoop(app);
  }

  // The first example is open when the tab is.
  function firstExample(app) {
    const [first] = app.examples;
    if (first) queueMicrotask(() => openExample(app, first.name));
    return {};
  }

  const panel = (app) => ({ show: () => showPanel(app) });
  const clip = {
    fields,
    scene,
    receive,
    key: "clip",
    said,
    correct,
    below: 292,
    snug: true,
    narrowView: "swipe",
    answer: (app, id) => app.answers.get(id) || app.trackedById.get(id),
    export: (app, data) => askExport(app, data),
  };
  studio.app.start(clip, [
    studio.menus, panel, studio.player.player, studio.timeline.timeline, studio.work.tracking, studio.difference,
    studio.correction.correction, studio.doubt, studio.worst, studio.film, studio.restore,
    firstExample,
  ]);
})();
