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

  return { coverageOf, isIn, shownAnswer, takeRange, trackedOf };
})();
