// Puts the parts together for a picture.

function start() {
  const app = makeApp(element.querySelector(".studio"));
  startApp(app, () => {
    showPanel(app);
    showCurve(app);
    showGiven(app);
    showTitles(app);
  });
  listenCurve(app);
  listenGiven(app);
  const take = () => receive(app, JSON.parse(JSON.stringify(props.value)));
  watch("value", () => {
    app.loaded = true;
    take();
  });
  take();
}

start();
