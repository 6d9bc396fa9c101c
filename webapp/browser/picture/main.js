// Puts the parts together for a picture.

function start() {
  const app = makeApp(element.querySelector(".studio"));
  listenLoupe(app);
  listenBand(app);
  listenSoft(app);
  listenBrush(app);
  startApp(app, () => {
    showSoft(app);
    showPanel(app);
    showCurve(app);
    showLoupe(app);
    showBand(app);
    showGiven(app);
    showTitles(app);
    showBrush(app);
  });
  listenCurve(app);
  listenGiven(app);
  app.paintUnder = (ctx, pane) => {
    paintBand(app, ctx, pane);
    paintGiven(app, ctx, pane);
    paintRegion(app, ctx, pane);
    paintTruth(app, ctx, pane);
  };
  const take = () => receive(app, JSON.parse(JSON.stringify(props.value)));
  watch("value", () => {
    app.loaded = true;
    take();
  });
  take();
}

start();
