// A picture and what the server says of it; starts the image tab.
(() => {
  const { resetView } = studio.geometry;
  const { PATIENCE, call } = studio.calls;
  const { openEdits, refreshScene, sendEdits, takeScene } = studio.scene;
  const { showPanel } = studio.picturePanel;
  const KEPT = 120;

  function scene(app) {
    const { next_id, objects } = app.server;
    return { next_id, objects: objects.map((item) => ({ ...item, clicks: item.clicks.map((c) => [...c]) })) };
  }

  // A mask that came with the scene is kept like an answer whose two masks are the same, so that it
  // is drawn like one.
  function keepMask(app, mask) {
    if (mask && mask.rle) app.answers.set(mask.id, { id: mask.id, base: mask.rle, refined: mask.rle });
  }

  function keepAnswers(app) {
    const { answers, differences, objects, truth } = app.server;
    for (const answer of answers) app.answers.set(answer.id, answer);
    for (const [id, found] of Object.entries(differences || {})) {
      const answer = app.answers.get(Number(id));
      if (answer) answer.differences = found;
    }
    for (const mask of [truth, ...objects.map((item) => item.given)]) keepMask(app, mask);
    const used = new Set(objects.flatMap((item) => [item.answer, item.given && item.given.id]));
    if (truth) used.add(truth.id);
    for (const id of [...app.layers.keys()]) if (!used.has(id)) app.layers.delete(id);
    for (const id of [...app.answers.keys()]) {
      if (app.answers.size <= KEPT) break;
      if (!used.has(id)) app.answers.delete(id);
    }
  }

  async function openPicture(app, picture) {
    app.picture = picture;
    app.answers.clear();
    app.layers.clear();
    resetView(app.view, picture);
    const wanted = () => app.picture === picture;
    const image = await call(app, "image", picture.file.url, { patience: PATIENCE.picture, tries: 5, wanted });
    if (!image) return;
    app.image = image;
    app.layout();
  }

  // Measures how long it took from a click until its masks were painted.
  function measure(app) {
    if (!app.since || openEdits(app).length) return;
    const since = app.since;
    app.since = 0;
    requestAnimationFrame(() => setTimeout(() => {
      app.seen = performance.now() - since;
      app.redraw();
    }, 0));
  }

  function receive(app, value) {
    if (!value) return;
    const { picture } = value;
    if (!picture && app.picture && app.sendAgain(value)) return;
    const isOther = Boolean(picture) && (!app.picture || app.picture.key !== picture.key);
    const none = { ...app.server, seq: value.seq, message: value.message, notice: "", answers: [] };
    if (!takeScene(app, !picture && app.picture ? none : value, isOther, () => openPicture(app, picture))) return;
    keepAnswers(app);
    refreshScene(app);
    if (isOther) app.layout();
    measure(app);
    sendEdits(app);
  }

  const panel = (app) => ({ show: () => showPanel(app) });
  const picture = {
    scene,
    receive,
    key: "picture",
    said: (app) => app.shown.objects.map(({ clicks, box }) => [{ clicks, box }]),
    below: 157,
    narrowView: "swipe",
    fields: () => ({ mean: props.value.mean || null, examples: props.value.examples || [] }),
    answer: (app, id) => app.answers.get(id),
    export: (app, data) => call(app, "export_file", {
      have: [...app.answers.keys()], kind: data.export, model: data.model || "", object: app.selected,
    }, { tries: 1, failed: "no_download" }),
  };
  studio.app.start(picture, [
    studio.menus, studio.probabilities, panel, studio.verdict, studio.band, studio.readings, studio.maskPrompts, studio.loupe,
    studio.inset, studio.errors, studio.crosshair, studio.brush, studio.play, studio.curve, studio.backbone, studio.restore, studio.measured,
    studio.about,
  ]);
})();
