// Puts the parts together for a clip. `server` is gradio's: the functions of the component.

function start() {
  const app = makeApp(element.querySelector(".studio"));
  Object.assign(app, {
    calls: server, clip: null, at: 0, wanted: 0, span: [0, 1], needed: 0, coverage: new Map(),
    jpegs: new Map(), bitmaps: new Map(), tracked: new Map(), trackedById: new Map(), version: 0,
    work: null, asked: false, following: null, total: null, playing: false, loop: false, live: false,
    scrub: null, draftSpan: null, clock: null, fetching: false, nextFetch: null,
  });
  app.stage.addEventListener("pointerdown", () => {
    app.live = false;
    pause(app);
  });
  listenTimeline(app);
  startApp(app, () => showPanel(app));
  const take = () => receive(app, JSON.parse(JSON.stringify(props.value)));
  watch("value", take);
  take();
}

start();
