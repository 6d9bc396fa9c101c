// After tracking: where the masks of an object are doubtful, in words, and the way there.
studio.doubt = (() => {
  const { goTo } = studio.player;
  const { isBusy } = studio.work;
  const { soundness, trackedOf } = studio.tracked;

  const LOW = 0.5;
  const SHORTEST = 2; // frames; fewer are a flicker

  function isLow(app, frame, object) {
    const item = trackedOf(app, frame, object);
    return Boolean(item) && soundness(item) < LOW;
  }

  // The first stretch of doubtful frames of an object, `[first, after the last]`, or null.
  function firstStretch(app, object) {
    const [start, stop] = app.span;
    for (let first = start, last; first < stop; first = last + 1) {
      for (last = first; last < stop && isLow(app, last, object);) last++;
      if (last - first >= SHORTEST) return [first, last];
    }
    return null;
  }

  // The stretch that begins first, and whose it is; null while there is anything to track.
  function findDoubt(app) {
    if (!app.clip || app.needed || isBusy(app)) return null;
    const found = app.server.objects.map((item) => [item, firstStretch(app, item.id)]).filter(([, stretch]) => stretch);
    return found.sort(([, one], [, other]) => one[0] - other[0])[0] || null;
  }

  function clock(app, frame) {
    const seconds = frame / app.clip.fps, rest = (seconds % 60).toFixed(1);
    return Math.floor(seconds / 60) + ":" + rest.padStart(4, "0");
  }

  function wordsOf(app, [item, [first, after]]) {
    const { labels } = app, ends = after === app.span[1];
    const when = labels[ends ? "doubt_on" : "doubt_until"].replace("{from}", clock(app, first))
      .replace("{until}", clock(app, after - 1));
    return labels[app.clip.truth ? "doubt_truth" : "doubt_masks"].replace("{when}", when)
      .replace("{object}", labels.object + " " + (item.slot + 1));
  }

  // Who looks at the first of these frames needs no way there.
  function isThere(app, [, [first]]) {
    return !app.playing && app.at === first;
  }

  function showDoubt(app) {
    const box = app.root.querySelector(".doubt"), line = box.querySelector("span");
    app.doubt = findDoubt(app);
    box.hidden = !app.doubt || isThere(app, app.doubt);
    const text = box.hidden ? "" : wordsOf(app, app.doubt);
    if (line.textContent !== text) line.textContent = text;
  }

  function goToDoubt(app) {
    const [item, [first]] = app.doubt;
    app.selected = item.id;
    goTo(app, first);
  }

  return (app) => ({ commands: { go_to_doubt: () => goToDoubt(app) }, show: () => showDoubt(app) });
})();
