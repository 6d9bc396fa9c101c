// A clip, what the server says of it, and what the current frame shows of that.

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

function sceneOf(app) {
  const objects = app.server.objects.map((item) => {
    const said = item.frames.get(app.at);
    return {
      id: item.id, slot: item.slot, clicks: said ? said.clicks.map((click) => [...click]) : [],
      box: said ? said.box : null, answer: shownAnswer(app, app.at, item.id, said),
    };
  });
  return { next_id: app.server.next_id, objects };
}

function answerOf(app, id) {
  return app.answers.get(id) || app.trackedById.get(id);
}

function keepAnswers(app, answers) {
  for (const answer of answers) app.answers.set(answer.id, answer);
  const used = new Set(app.server.objects.flatMap((item) => [...item.frames.values()].map((said) => said.answer)));
  for (const id of [...app.answers.keys()]) {
    if (app.answers.size <= 240) break;
    if (!used.has(id)) app.answers.delete(id);
  }
}

function openClip(app, clip) {
  for (const bitmap of app.bitmaps.values()) if (bitmap.close) bitmap.close();
  for (const map of ["jpegs", "bitmaps", "tracked", "trackedById", "answers", "layers"]) app[map] = new Map();
  Object.assign(app, {
    clip, picture: { key: clip.key, width: clip.width, height: clip.height }, image: null,
    pending: [], unsent: [], held: [], draft: null, selected: 0, at: 0, wanted: 0, version: 0,
    work: null, total: null, playing: false, live: false, fetching: false, nextFetch: null,
  });
  resetView(app.view, app.picture);
  showNotes(app);
}

function takeRange(app, value) {
  app.span = value.span;
  app.needed = value.needed;
  app.coverage = new Map(value.coverage.map(([id, fresh, stale]) => [id, { fresh, stale }]));
}

function receive(app, value) {
  if (!value || value.seq < app.answered) return;
  const other = value.clip && (!app.clip || app.clip.key !== value.clip.key);
  if (other) openClip(app, value.clip);
  value.objects.forEach((item) => { item.frames = new Map(item.frames); });
  if (!value.clip && app.clip) value = { ...app.server, seq: value.seq, message: value.message, answers: [], frame: null };
  acknowledge(app, value);
  if (value.clip) {
    keepAnswers(app, value.answers);
    takeRange(app, value);
  }
  refreshScene(app);
  if (value.frame !== null && value.frame !== undefined) showFrame(app, value.frame);
  if (other) app.layout();
  sendEdits(app);
}
