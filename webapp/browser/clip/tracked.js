// Which frames of a clip are tracked, and what tracking gave them.
studio.tracked = (() => {
  function isIn(spans, frame) {
    return spans.some(([start, stop]) => start <= frame && frame < stop);
  }

  function coverageOf(app, object) {
    return app.coverage.get(object) || { fresh: [], stale: [] };
  }

  function trackedOf(app, frame, object) {
    const found = app.tracked.get(frame);
    return (found && found.get(object)) || null;
  }

  // How good the masks of a tracked frame are, from 0 to 1: SAM2Refiner's overlap with the true mask where
  // that is known, else how far the two agree.
  function soundness(item) {
    return item.scores ? item.scores[1][0] : item.iou;
  }

  // An answer to prompts shows until tracking has taken the same prompts up.
  function shownAnswer(app, frame, object, said) {
    const tracked = trackedOf(app, frame, object);
    const answer = said ? said.answer : null;
    if (tracked && (answer === null || isIn(coverageOf(app, object).fresh, frame))) return tracked.id;
    return answer;
  }

  function takeRange(app, value) {
    app.span = value.span;
    app.needed = value.needed;
    app.total = value.total;
    app.coverage = new Map(value.coverage.map(([id, fresh, stale]) => [id, { fresh, stale }]));
  }

  return { coverageOf, isIn, shownAnswer, soundness, takeRange, trackedOf };
})();
