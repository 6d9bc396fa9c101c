// Files in: chooser, paste, drop, examples. The latest wish wins.
studio.files = (() => {
  const { PATIENCE, call, sleep } = studio.calls;
  const { sendEdits, settled } = studio.scene;

  function beginOpening(app) {
    app.say("");
    app.since = 0;
    app.seen = 0;
    app.opening = ++app.seq;
    app.redraw();
    return app.opening;
  }

  // What was open stays; but if an earlier wish was met on the server, that is open now.
  function giveUp(app) {
    app.opening = 0;
    const { aside } = app;
    app.aside = null;
    if (aside) app.doc.receive(app, aside);
    sendEdits(app);
    app.redraw();
  }

  // One opening at a time, so that the last one asked for is the last one done. Whether it is done.
  async function open(app, seq, name, values, options) {
    const wanted = () => app.opening === seq;
    await Promise.race([app.lastOpening, sleep(PATIENCE.edit)]);
    if (!wanted()) return true;
    app.lastOpening = call(app, name, values, { seq, patience: PATIENCE.open, wanted, ...options });
    await app.lastOpening;
    return !wanted();
  }

  async function openExample(app, name) {
    if (!await open(app, beginOpening(app), "open_example", { name })) giveUp(app);
  }

  function isSmall(app, file) {
    const small = file.size <= app.most.file_megabytes * 1e6;
    if (!small) app.say(app.labels.too_large.replace("{limit}", app.most.file_megabytes));
    return small;
  }

  // Whether the file is of a kind worth sending: by its type, or by its name's end where that starts
  // with a dot; one without a type is for the server to judge.
  function isWelcome(app, file) {
    const fits = (kind) => (kind[0] === "." ? file.name.toLowerCase().endsWith(kind) : file.type.startsWith(kind));
    return !file.type || app.most.accept.some(fits);
  }

  async function openFile(app, file) {
    if (!isWelcome(app, file)) return app.say(app.labels.no_picture);
    if (!isSmall(app, file)) return;
    const seq = beginOpening(app), wanted = () => app.opening === seq;
    app.sent.set(seq, file);
    const named = new File([file], "upload", { type: file.type });
    // The server takes a sent file away when it opens it, so a second attempt sends it again.
    for (const failed of ["lost", "given_up"]) {
      const path = await call(app, "upload", named, { patience: PATIENCE.upload, failed: "upload_failed", wanted });
      if (!wanted()) return;
      if (path === null) break;
      if (await open(app, seq, "open_file", { path, name: file.name }, { tries: 1, failed })) return;
    }
    giveUp(app);
  }

  // Sends a file that belongs to the open picture, with the event's values; returns the answer. What was
  // done before comes before it on the server, too.
  async function sendFile(app, event, file, values) {
    if (!app.picture || app.opening || !isSmall(app, file)) return null;
    app.say("");
    const picture = app.picture.key, wanted = () => app.picture.key === picture && !app.opening;
    const path = await call(app, "upload", file, { patience: PATIENCE.upload, failed: "upload_failed", wanted });
    if (path === null || !(await settled(app)) || !wanted()) return null;
    app.since = performance.now();
    return call(app, event, { picture, have: [...app.answers.keys()], path, ...values }, { wanted });
  }

  function firstFile(transfer) {
    return [...((transfer && transfer.files) || [])][0] || null;
  }

  function isFolder(item) {
    const entry = item && item.webkitGetAsEntry ? item.webkitGetAsEntry() : null;
    return Boolean(entry) && entry.isDirectory;
  }

  function openDrop(app, transfer) {
    const { length: count } = transfer.files, before = app.opening;
    if (isFolder(transfer.items[0])) return app.say(app.labels.dropped_folder);
    if (!count) return app.say(app.labels.dropped_link);
    openFile(app, transfer.files[0]);
    if (count > 1 && app.opening !== before) app.tell(app.labels.dropped_many.replace("{count}", count));
  }

  // A link dropped into a field of text is text.
  function bringsContent({ dataTransfer, target }) {
    const types = dataTransfer ? [...dataTransfer.types] : [];
    return types.includes("Files") || (types.includes("text/uri-list") && !target.closest("input, textarea"));
  }

  // Anywhere on the page: what is dropped beside the panes would else replace the page.
  function listenDrops(app) {
    const mark = (on) => app.stage.classList.toggle("drop", on);
    const listen = (name, take) => document.addEventListener(name, (event) => {
      if (!app.root.isConnected || !bringsContent(event)) return;
      if (name !== "dragleave") event.preventDefault();
      if (app.root.offsetParent) take(event);
    });
    listen("dragover", () => mark(true));
    listen("dragleave", (event) => event.relatedTarget || mark(false));
    listen("drop", (event) => {
      mark(false);
      openDrop(app, event.dataTransfer);
    });
  }

  // Calls `take` with the file chosen in an input; the same one can be chosen again.
  function listenChooser(input, take) {
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = "";
      if (file) take(file);
    });
  }

  function listenFiles(app) {
    listenChooser(app.root.querySelector(".file"), (file) => openFile(app, file));
    const paste = (event) => {
      if (!app.root.isConnected) return document.removeEventListener("paste", paste);
      const file = firstFile(event.clipboardData);
      if (!file || !app.root.offsetParent) return;
      event.preventDefault();
      openFile(app, file);
    };
    document.addEventListener("paste", paste);
    listenDrops(app);
  }

  return { listenChooser, listenFiles, openExample, openFile, sendFile };
})();
