// Pictures of the frames: asked for in stretches, kept as JPEGs, some of them decoded.
studio.frames = (() => {
  const { PATIENCE, call, sleep } = studio.calls;
  const { refreshScene } = studio.scene;
  const STRETCH = 16;
  const DECODED = 24;
  const SOON = 100;

  function jpegBlob(base64) {
    return new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], { type: "image/jpeg" });
  }

  // Asks for the missing pictures from `first` on; one request at a time, the latest wish next.
  async function fetchPictures(app, first, count = app.playing ? STRETCH : STRETCH / 2) {
    const { clip } = app, wanted = () => app.clip === clip && app.root.isConnected;
    while (first < clip.frames && app.jpegs.has(first)) first++;
    if (first >= clip.frames) return;
    if (app.fetching) {
      app.nextFetch = first;
      return;
    }
    app.fetching = true;
    const options = { patience: PATIENCE.reply, tries: Infinity, wanted };
    const reply = await call(app, "pictures", { clip: clip.key, first, count }, options);
    if (app.clip !== clip) return;
    app.fetching = false;
    if (!reply || reply.message) return;
    for (const [index, base64] of reply.pictures) app.jpegs.set(index, jpegBlob(base64));
    const next = app.nextFetch;
    app.nextFetch = null;
    if (app.wanted !== app.at || !app.image) showFrame(app, app.wanted);
    if (next !== null) fetchPictures(app, next);
  }

  // The decoded picture of a frame; null while it is on its way.
  function decodedFrame(app, index) {
    const held = app.bitmaps.get(index);
    if (held && held !== "coming") {
      app.bitmaps.delete(index);
      app.bitmaps.set(index, held);
      return held;
    }
    if (held) return null;
    const blob = app.jpegs.get(index), clip = app.clip;
    if (!blob) {
      fetchPictures(app, index);
      return null;
    }
    app.bitmaps.set(index, "coming");
    createImageBitmap(blob).then((bitmap) => {
      if (app.clip !== clip) return bitmap.close();
      app.bitmaps.set(index, bitmap);
      forgetBitmaps(app);
      if (app.wanted === index && (app.at !== index || !app.image)) showFrame(app, index);
    }, () => {
      for (const map of [app.bitmaps, app.jpegs]) map.delete(index);
    });
    return null;
  }

  function forgetBitmaps(app) {
    for (const [index, bitmap] of app.bitmaps) {
      if (app.bitmaps.size <= DECODED) break;
      if (bitmap === "coming" || bitmap === app.image) continue;
      bitmap.close();
      app.bitmaps.delete(index);
    }
  }

  function clampFrame(app, index) {
    return Math.min(Math.max(Math.round(index), 0), app.clip.frames - 1);
  }

  // Shows a frame as soon as its picture is there; the last one asked for counts.
  function showFrame(app, index) {
    if (!app.clip) return;
    app.wanted = clampFrame(app, index);
    const bitmap = decodedFrame(app, app.wanted);
    if (bitmap) {
      const first = !app.image;
      app.at = app.wanted;
      app.image = bitmap;
      forgetLayers(app);
      refreshScene(app);
      if (first) app.layout();
      if (!app.fetching) fetchPictures(app, nearbyMissing(app));
    }
    app.redraw();
  }

  function nearbyMissing(app) {
    const last = Math.min(app.at + STRETCH, app.clip.frames);
    for (let index = app.at + 1; index < last; index++) if (!app.jpegs.has(index)) return index;
    return app.clip.frames;
  }

  function forgetLayers(app) {
    for (const id of app.layers.keys()) {
      if (app.layers.size <= DECODED) break;
      app.layers.delete(id);
    }
  }

  // Draws a frame into a small canvas once its picture is there.
  async function drawSmall(app, canvas, index, left = 0, width = canvas.width) {
    const { clip } = app, place = canvas.getContext("2d");
    while (app.clip === clip && !app.jpegs.has(index)) {
      fetchPictures(app, index, 1);
      await sleep(SOON);
    }
    if (app.clip !== clip) return;
    const bitmap = await createImageBitmap(app.jpegs.get(index), { resizeWidth: width, resizeHeight: canvas.height });
    place.drawImage(bitmap, left, 0);
    bitmap.close();
  }

  return { clampFrame, decodedFrame, drawSmall, showFrame };
})();
