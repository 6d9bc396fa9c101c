// A mask file that can be read in more than one way: how it was read is said, and others are offered.
studio.readings = (() => {
  const { edit } = studio.scene;
  const { sendFile } = studio.files;
  const READINGS = {
    read_binary: { labels: "binary" },
    read_ids: { labels: "ids" },
    read_colours: { labels: "colours" },
    read_inverted: { labels: "binary", invert: true },
  };

  function givenIds(objects) {
    return new Set(objects.filter((item) => item.given).map((item) => item.given.id));
  }

  // Annotations say themselves what is an object.
  function isPicture(file) {
    return !/\.(json|txt)$/i.test(file.name);
  }

  // Until the next edit the file may be read otherwise: there were words to it, or it was refused.
  async function sendMask(app, event, file, values) {
    const before = givenIds(app.server.objects);
    app.reading = null;
    const answer = await sendFile(app, event, file, values);
    if (!answer || !(answer.message || answer.notice) || !isPicture(file)) return app.redraw();
    const taken = answer.objects.some((item) => item.given && !before.has(item.given.id));
    app.reading = { event, file, values, taken, picture: app.picture, edits: app.edits };
    app.redraw();
  }

  function readAgain(app, name) {
    const { event, file, values, taken } = app.reading;
    if (taken) edit(app, { type: "undo" });
    sendMask(app, event, file, { ...values, labels: "auto", invert: false, ...READINGS[name] });
  }

  function showReading(app) {
    const { reading } = app;
    if (reading && (reading.edits !== app.edits || reading.picture !== app.picture)) app.reading = null;
    const bar = app.root.querySelector(".reading");
    bar.hidden = !app.reading;
    if (app.reading) bar.querySelector("span").textContent = app.labels.read_as.replace("{name}", app.reading.file.name);
  }

  function feature(app) {
    app.reading = null;
    app.sendMask = (event, file, values) => sendMask(app, event, file, values);
    const commands = Object.fromEntries(Object.keys(READINGS).map((name) => [name, () => readAgain(app, name)]));
    return { commands, show: () => showReading(app) };
  }

  return feature;
})();
