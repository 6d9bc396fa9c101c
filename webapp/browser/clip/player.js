// One clock for both panes: each tick shows one frame with both models' masks.
studio.player = (() => {
  const { decodedFrame, showFrame } = studio.frames;
  const AHEAD = 6;

  function play(app) {
    if (!app.clip) return;
    app.live = false;
    app.playing = true;
    const [start, stop] = app.span;
    if (app.at < start || app.at >= stop - 1) showFrame(app, start);
    restartClock(app, performance.now());
    requestAnimationFrame((now) => tick(app, now));
  }

  // What is tracked plays by itself, unless the visitor wants nothing to move.
  function playLoop(app) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    app.loop = true;
    play(app);
  }

  function restartClock(app, now) {
    app.clock = { since: now, from: app.wanted };
  }

  function pause(app) {
    app.playing = false;
  }

  function tick(app, now) {
    if (!app.playing || !app.clip || !app.root.offsetParent) return pause(app);
    requestAnimationFrame((later) => tick(app, later));
    if (app.wanted !== app.at) return restartClock(app, now);
    const [start, stop] = app.span;
    let due = app.clock.from + Math.floor(((now - app.clock.since) / 1000) * app.clip.fps);
    if (due >= stop) {
      if (!app.loop) {
        showFrame(app, stop - 1);
        return pause(app);
      }
      due = start;
      restartClock(app, now);
      app.clock.from = start;
    }
    if (due !== app.at) showFrame(app, due);
    for (let next = due + 1; next <= Math.min(due + AHEAD, stop - 1); next++) decodedFrame(app, next);
  }

  function togglePlay(app) {
    if (app.playing) pause(app);
    else play(app);
    app.redraw();
  }

  // The visitor goes somewhere: from now on the view stays there, also while frames are tracked.
  function goTo(app, frame) {
    app.live = false;
    pause(app);
    showFrame(app, frame);
  }

  function step(app, by) {
    if (app.clip) goTo(app, app.wanted + by);
  }

  function player(app) {
    return {
      commands: {
        play: () => togglePlay(app),
        back: () => step(app, -1),
        on: () => step(app, 1),
        loop: () => { app.loop = !app.loop; },
      },
      keys: {
        arrowleft: (event) => step(app, event.shiftKey ? -10 : -1),
        arrowright: (event) => step(app, event.shiftKey ? 10 : 1),
        home: () => app.clip && goTo(app, app.span[0]),
        end: () => app.clip && goTo(app, app.span[1] - 1),
        p: () => togglePlay(app),
      },
    };
  }

  return { goTo, pause, playLoop, player };
})();
