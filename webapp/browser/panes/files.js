// Files in: chooser, paste, drop, examples.

function beginOpening(app) {
  app.unsent = [];
  app.held = [];
  app.say("");
  app.since = 0;
  app.seen = 0;
  const seq = app.opening = ++app.seq;
  setTimeout(() => {
    if (app.opening !== seq) return;
    app.opening = 0;
    app.say(app.labels.no_reply);
    app.redraw();
  }, OPENING_PATIENCE);
  app.redraw();
  return seq;
}

function openExample(app, name) {
  if (app.opening) return;
  app.trigger("open_example", { seq: beginOpening(app), name });
}

async function openFile(app, file) {
  if (!file || app.opening) return;
  const fits = (kind) => kind[0] === "." ? file.name.toLowerCase().endsWith(kind) : file.type.startsWith(kind);
  if (file.type && !app.most.accept.some(fits)) return app.say(app.labels.no_picture);
  if (file.size > app.most.file_megabytes * 1e6) {
    return app.say(app.labels.too_large.replace("{limit}", app.most.file_megabytes));
  }
  const seq = beginOpening(app);
  try {
    const named = new File([file], "upload", { type: file.type });
    const stored = await app.upload(named);
    app.trigger("open_file", { seq, path: stored.path, name: file.name });
  } catch (error) {
    app.opening = 0;
    app.say(app.labels.upload_failed);
    app.redraw();
  }
}

function firstFile(transfer) {
  return [...((transfer && transfer.files) || [])][0] || null;
}

function listenFiles(app) {
  const chooser = app.root.querySelector(".file");
  chooser.addEventListener("change", () => {
    openFile(app, chooser.files[0]);
    chooser.value = "";
  });
  const paste = (event) => {
    if (!app.root.isConnected) return document.removeEventListener("paste", paste);
    const file = firstFile(event.clipboardData);
    if (!file || !app.root.offsetParent) return;
    event.preventDefault();
    openFile(app, file);
  };
  document.addEventListener("paste", paste);
  const stage = app.stage;
  app.root.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("drop");
  });
  app.root.addEventListener("dragleave", () => stage.classList.remove("drop"));
  app.root.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("drop");
    openFile(app, firstFile(event.dataTransfer));
  });
}
