// A mask of another tool as a prompt (upload, outline, removal), and session files.

// A given mask, and so the truth, is kept like an answer whose two masks are the same, so that it is drawn like one.
function keepGiven(app) {
  for (const item of app.server.objects) {
    const given = item.given;
    if (given && given.rle) app.answers.set(given.id, { id: given.id, base: given.rle, refined: given.rle });
  }
  const { truth } = app.server;
  if (truth && truth.rle) app.answers.set(truth.id, { id: truth.id, base: truth.rle, refined: truth.rle });
}

function outlineSheet(app, pane, items) {
  const key = [viewKey(app, pane), ...items.map((item) => item.given.id)].join();
  if (pane.givenKey === key) return pane.sheets.given;
  pane.givenKey = key;
  const union = scratch(pane, "given-union");
  for (const item of items) union.drawImage(maskSheet(app, pane, { answer: item.given.id }, "base"), 0, 0);
  const ctx = scratch(pane, "given");
  ctx.drawImage(outlined(pane, union.canvas, "#000", 2 * pane.ratio), 0, 0);
  ctx.drawImage(outlined(pane, union.canvas, "#fff", 1.2 * pane.ratio), 0, 0);
  return ctx.canvas;
}

function paintGiven(app, ctx, pane) {
  const items = app.shown.objects.filter((item) => item.given && layersOf(app, item.given.id));
  if (!items.length || app.mode === "cutout") return;
  ctx.globalAlpha = 0.55;
  ctx.drawImage(outlineSheet(app, pane, items), 0, 0);
  ctx.globalAlpha = 1;
}

function showGiven(app) {
  const item = chosenObject(app), given = item && item.given;
  const button = (name) => app.root.querySelector('[data-do="' + name + '"]');
  button("give_mask").disabled = button("open_session").disabled = !app.picture;
  button("delete_mask").hidden = !given;
  const name = given && given.label ? app.labels.given_named.replace("{label}", given.label) : app.labels.given;
  if (given) button("delete_mask").querySelector("span").textContent = name;
}

function showTitles(app) {
  for (const [model, title] of Object.entries(app.server.titles || {})) {
    const caption = app.root.querySelector(".pane." + model + " figcaption span");
    if (caption.textContent !== title) caption.textContent = title;
  }
}

async function sendFile(app, event, file) {
  if (!file || !app.picture || app.opening) return;
  app.say("");
  if (file.size > app.most.file_megabytes * 1e6) {
    return app.say(app.labels.too_large.replace("{limit}", app.most.file_megabytes));
  }
  const picture = app.picture.key, object = app.selected;
  try {
    const stored = await app.upload(new File([file], event, { type: file.type }));
    app.since = performance.now();
    app.trigger(event, { seq: ++app.seq, picture, have: [...app.answers.keys()], object, path: stored.path });
  } catch (error) {
    app.say(app.labels.upload_failed);
  }
}

function listenGiven(app) {
  for (const [event, name] of [["give_mask", ".given-file"], ["open_session", ".session-file"]]) {
    const chooser = app.root.querySelector(name);
    COMMANDS[event] = () => chooser.click();
    chooser.addEventListener("change", () => {
      sendFile(app, event, chooser.files[0]);
      chooser.value = "";
    });
  }
  COMMANDS.delete_mask = () => edit(app, { type: "delete_mask", object: app.selected });
}
