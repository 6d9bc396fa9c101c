// What both tabs start from. `element`, `trigger`, `props`, `upload` and `watch` are gradio's.

function paneOf(figure, model) {
  return { figure, model, canvas: figure.querySelector("canvas"), width: 1, height: 1, ratio: 1 };
}

function makeApp(root) {
  const panes = ["base", "refined", "single"].map((model) => paneOf(root.querySelector(".pane." + model), model));
  return {
    root, panes, stage: root.querySelector(".stage"), trigger, upload,
    labels: props.settings.labels, colors: props.settings.colors, most: props.settings,
    server: { objects: [], next_id: 1 }, shown: { objects: [], next_id: 1 },
    pending: [], unsent: [], flight: null, alarm: 0, seq: 0, answered: 0, opening: 0,
    answers: new Map(), layers: new Map(), picture: null, image: null,
    view: makeView(), mode: "overlay", tool: "positive", opacity: 0.5, split: 0.5, selected: 0,
    held: [], draft: null, press: null, hovered: null, fingers: new Map(), space: false,
    since: 0, seen: 0, frame: 0, late: false, loaded: false,
  };
}

function layoutPanes(app) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const aspect = app.picture ? app.picture.height / app.picture.width : 0.66;
  const single = app.stage.classList.contains("single");
  const narrow = window.innerWidth <= 700;
  const high = Math.min(window.innerHeight, window.screen.height || Infinity);
  const most = Math.max(220, high * (narrow ? (single ? 0.6 : 0.42) : 0.6));
  for (const pane of app.panes) {
    const width = pane.figure.clientWidth;
    if (pane.figure.hidden || !width) continue;
    const height = Math.round(Math.min(Math.max(width * aspect, 180), most));
    Object.assign(pane, { width, height, ratio, checks: null });
    pane.canvas.style.height = height + "px";
    pane.canvas.width = Math.round(width * ratio);
    pane.canvas.height = Math.round(height * ratio);
    if (app.picture) clampView(app.view, pane, app.picture);
  }
}

// Connects what a picture and a clip have in common; `show` updates what is around the panes.
function startApp(app, show) {
  const paint = () => {
    app.frame = 0;
    show();
    for (const pane of app.panes) if (!pane.figure.hidden) paintPane(app, pane);
  };
  app.redraw = () => { app.frame = app.frame || requestAnimationFrame(paint); };
  app.layout = () => {
    layoutPanes(app);
    app.redraw();
  };
  app.say = (message) => { app.root.querySelector(".message").textContent = message; };
  listenPointer(app);
  listenKeys(app);
  listenFiles(app);
  new ResizeObserver(app.layout).observe(app.stage);
  showExamples(app, props.value.examples || []);
  setMode(app, "overlay");
}
