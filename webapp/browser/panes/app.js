// What both tabs start from. `element`, `trigger`, `props`, `server` and `watch` are gradio's.
//
// A tab passes a document: a picture or a clip. It says which `fields` the app has for it, what its
// `scene` is, an `answer` by its id, how to `receive` a value of the server and how to `export`.
// One whose panes fill the window says how much stands `below` them, and `snug` if they
// are no higher than what they show; `narrowView` is its first on a phone.
// Features add to it; each returns a record of any of `commands` by the names of buttons, `keys`,
// `views` (painters), `show`, `paintUnder` (above masks, below prompts), `busy`, and a `mode`: while
// it is `active` its own commands, keys and `gesture` go first.
studio.app = (() => {
  const { clampView, makeView } = studio.geometry;
  const { listenDownloads, listenLosses, listenPlaces, watchConnection } = studio.calls;
  const { painters, paintPane } = studio.painting;
  const { paintDivider, paintPrompts } = studio.prompts;
  const { showExamples } = studio.panel;
  const { listenPointer } = studio.pointer;
  const { basics, listenKeys, setMode } = studio.keys;
  const { listenFiles } = studio.files;

  function paneOf(figure, model) {
    return { figure, model, canvas: figure.querySelector("canvas"), width: 1, height: 1, ratio: 1 };
  }

  function makeApp(root, doc) {
    const panes = ["base", "refined", "single"].map((model) => paneOf(root.querySelector(".pane." + model), model));
    const functions = typeof server === "undefined" ? {} : server;
    const settings = JSON.parse(props.settings);
    return {
      root, doc, panes, stage: root.querySelector(".stage"), trigger, functions,
      labels: settings.labels, colors: settings.colors, most: settings,
      server: { objects: [], next_id: 1 }, shown: { objects: [], next_id: 1 },
      unsent: [], flight: null, seq: 0, edits: 0, awaited: new Map(), trouble: "", interrupted: "", refusal: "", place: 0,
      opening: 0, opened: 0, aside: null, sending: null, sent: new Map(), lastOpening: null,
      answers: new Map(), layers: new Map(), picture: null, image: null,
      view: makeView(), viewName: "overlay", tool: "positive", opacity: 0.5, split: 0.5, selected: 0,
      held: [], draft: null, press: null, hovered: null, fingers: new Map(), space: false,
      since: 0, seen: 0, frame: 0, loaded: false, ...doc.fields(),
    };
  }

  // Where an element begins on the page, in pixels.
  function topOf(node) {
    return node.getBoundingClientRect().top + window.scrollY;
  }

  function layoutPanes(app) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const aspect = app.picture ? app.picture.height / app.picture.width : 0.66;
    const single = app.stage.classList.contains("single");
    const narrow = window.innerWidth <= 700;
    const high = Math.min(window.innerHeight, window.screen.height || Infinity);
    const room = app.doc.below && !narrow ? high - topOf(app.stage) - app.doc.below : 0;
    const most = Math.max(220, room || high * (narrow ? (single ? 0.6 : 0.42) : 0.6));
    for (const pane of app.panes) {
      const width = pane.figure.clientWidth;
      if (pane.figure.hidden || !width) continue;
      const least = Math.max(180, app.doc.snug ? 0 : Math.min(room, 1.4 * width));
      const height = Math.round(Math.min(Math.max(width * aspect, least), most));
      Object.assign(pane, { width, height, ratio, checks: null });
      pane.canvas.style.height = height + "px";
      pane.canvas.width = Math.round(width * ratio);
      pane.canvas.height = Math.round(height * ratio);
      if (app.picture) clampView(app.view, pane, app.picture);
    }
  }

  function merged(features, table) {
    const all = {};
    for (const [name, does] of features.flatMap((feature) => Object.entries(feature[table] || {}))) {
      if (name in all) throw new Error("Two features have the same " + table + ": " + name);
      all[name] = does;
    }
    return all;
  }

  // Updates what is around the panes, then paints them.
  function paint(app) {
    app.frame = 0;
    for (const feature of app.features) if (feature.show) feature.show();
    for (const pane of app.panes) {
      if (pane.figure.hidden) continue;
      const ctx = pane.canvas.getContext("2d");
      if (!paintPane(app, ctx, pane)) continue;
      for (const feature of app.features) if (feature.paintUnder) feature.paintUnder(ctx, pane);
      if (app.viewName === "swipe") paintDivider(ctx, app, pane);
      paintPrompts(ctx, app, pane);
    }
  }

  // One line at a time: what went wrong, or what else there is to know.
  function sayOnly(app, line, text) {
    for (const name of [".message", ".notice"]) app.root.querySelector(name).textContent = name === line ? text : "";
  }

  function start(doc, features) {
    const app = makeApp(element.querySelector(".studio"), doc);
    app.redraw = () => { app.frame = app.frame || requestAnimationFrame(() => paint(app)); };
    app.layout = () => {
      layoutPanes(app);
      app.redraw();
    };
    app.setMode = (name) => setMode(app, name);
    app.say = (message) => sayOnly(app, ".message", message);
    app.root.querySelector(".message").addEventListener("click", () => app.say(""));  // it may be in the way
    app.tell = (notice) => sayOnly(app, ".notice", notice);
    app.features = [basics, ...features, studio.roving].map((feature) => feature(app));
    app.commands = merged(app.features, "commands");
    app.keys = merged(app.features, "keys");
    app.views = { ...painters, ...merged(app.features, "views") };
    app.modes = app.features.map((feature) => feature.mode).filter(Boolean);
    listenPointer(app);
    listenKeys(app);
    listenFiles(app);
    listenDownloads(app);
    listenLosses(app);
    listenPlaces(app);
    watchConnection();
    new ResizeObserver(app.layout).observe(app.stage);
    showExamples(app, props.value.examples || []);
    setMode(app, (window.innerWidth <= 700 && doc.narrowView) || "overlay");
    const take = () => doc.receive(app, JSON.parse(JSON.stringify(props.value)));
    watch("value", () => {
      app.loaded = true;
      take();
    });
    take();
  }

  return { start };
})();
