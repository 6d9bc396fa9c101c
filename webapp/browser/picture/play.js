// Plays ten clicks at random points of the true mask, each answered before the next one.
studio.play = (() => {
  const { edit } = studio.scene;
  const { isBusy } = studio.picturePanel;

  const PAUSE = 350;

  function stop(app) {
    app.playing = null;
    app.redraw();
  }

  // Starts on the object emptied of prompts; another picture, truth or object ends it.
  function start(app) {
    const { truth } = app.server;
    if (!truth || !app.plays.has(truth.id)) return;
    app.playing = { truth: truth.id, picture: app.picture, object: app.selected, left: [...app.plays.get(truth.id)] };
    edit(app, { type: "clear", object: app.selected });
    setTimeout(() => step(app), PAUSE);
  }

  function isOver(app) {
    const { playing } = app, { truth } = app.server;
    return !truth || truth.id !== playing.truth || app.picture !== playing.picture
      || app.selected !== playing.object || !playing.left.length;
  }

  function step(app) {
    if (!app.playing || !app.root.isConnected) return;
    if (isOver(app)) return stop(app);
    if (!isBusy(app)) {
      const [x, y] = app.playing.left.shift();
      edit(app, { type: "click", object: app.selected, x, y, positive: true });
    }
    setTimeout(() => step(app), PAUSE);
  }

  function showPlay(app) {
    const button = app.root.querySelector('[data-do="play_clicks"]'), { truth } = app.server;
    if (truth && truth.play) app.plays.set(truth.id, truth.play);
    button.disabled = !truth || !app.image;
    const text = app.playing ? "■ " + app.labels.stop_clicks : "▶ " + app.labels.play_clicks;
    if (button.textContent !== text) button.textContent = text;
  }

  function play(app) {
    Object.assign(app, { playing: null, plays: new Map() });
    return {
      commands: { play_clicks: () => (app.playing ? stop(app) : start(app)) },
      show: () => showPlay(app),
    };
  }

  return play;
})();
