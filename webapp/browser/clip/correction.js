// A click on a frame that tracking has not reached makes a mask from scratch, which misleads the
// tracking. Better is to track up to there first, and to correct what comes of it.
studio.correction = (() => {
  const { chosenObject, drawRecord, edit, settled } = studio.scene;
  const { coverageOf, isIn } = studio.tracked;
  const { showFrame } = studio.frames;
  const { isBusy, trackTo } = studio.work;

  // The chosen object's clicks on this frame if they made a mask from scratch; else null.
  function scratchOf(app) {
    const item = app.clip && chosenObject(app), said = item && saidOf(app, item.id);
    if (!said || said.corrects || said.box || !said.clicks.length) return null;
    if (isIn(coverageOf(app, item.id).fresh, app.at)) return null;
    return said.first < app.at ? { object: item.id, frame: app.at, clicks: said.clicks } : null;
  }

  function saidOf(app, object) {
    const item = app.server.objects.find((one) => one.id === object), said = item && item.frames.get(app.at);
    const inSpan = said ? [...item.frames.keys()].filter((frame) => frame >= app.span[0]) : [];
    return said ? { ...said, first: Math.min(...inSpan) } : null;
  }

  async function trackFirst(app) {
    const scratch = isBusy(app) ? null : scratchOf(app);
    if (!scratch) return;
    edit(app, { type: "clear", object: scratch.object, frame: scratch.frame });
    await correct(app, [scratch]);
  }

  function isTracked(app, frame) {
    return app.server.objects.every((item) => !item.frames.size || isIn(coverageOf(app, item.id).fresh, frame));
  }

  // Tracks to the frame of each record of clicks and a box, in their order, and draws them there.
  async function correct(app, corrections) {
    const { clip } = app;
    for (const one of corrections) {
      const { object, frame } = one;
      if (await settled(app) && !isTracked(app, frame)) await trackTo(app, frame + 1);
      if (app.clip !== clip) return;
      showFrame(app, frame);
      drawRecord(app, object, one);
    }
  }

  function takeAway(app) {
    const scratch = scratchOf(app);
    if (scratch) edit(app, { type: "clear", object: scratch.object, frame: scratch.frame });
  }

  function correction(app) {
    const offer = app.root.querySelector(".offer");
    return {
      commands: { track_first: () => trackFirst(app), take_away: () => takeAway(app) },
      show: () => { offer.hidden = isBusy(app) || !scratchOf(app); },
    };
  }

  return { correct, correction };
})();
