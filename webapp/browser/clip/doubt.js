// After tracking: where the masks of an object are doubtful or gone, in words, and the way there.
studio.doubt = (() => {
  const { runLengths } = studio.masks;
  const { goTo } = studio.player;
  const { isBusy } = studio.work;
  const { soundness, trackedOf } = studio.tracked;

  const LOW = 0.5;
  const GONE = 0.02; // of the largest mask before
  const SHORTEST = 2; // frames; fewer are a flicker

  function areaOf(rle) {
    return runLengths(rle.counts).reduce((sum, count, at) => sum + (at % 2 ? count : 0), 0);
  }

  // The area of the larger of both masks.
  function sizeOf(item) {
    return (item.size ??= Math.max(areaOf(item.base), areaOf(item.refined)));
  }

  function isLow(app, object) {
    return (frame) => {
      const item = trackedOf(app, frame, object);
      return Boolean(item) && soundness(item) < LOW;
    };
  }

  // Whether both models had the object before a frame and see next to nothing of it there. Two empty masks
  // agree, so this is no low agreement; where the truth is known that says whether they are right.
  function isGone(app, object) {
    let largest = 0;
    return (frame) => {
      const item = app.clip.truth ? null : trackedOf(app, frame, object);
      if (!item) return false;
      largest = Math.max(largest, sizeOf(item));
      return sizeOf(item) < GONE * largest;
    };
  }

  // The stretches of frames of which `holds` is true, each `[first, after the last]`.
  function stretches(app, holds) {
    const found = [];
    for (let frame = app.span[0], first = null; frame <= app.span[1]; frame++) {
      const inside = frame < app.span[1] && holds(frame);
      if (inside) first ??= frame;
      else if (first !== null) {
        if (frame - first >= SHORTEST) found.push([first, frame]);
        first = null;
      }
    }
    return found;
  }

  function doubtsOf(app, item) {
    const kinds = { doubt_gone: isGone, [app.clip.truth ? "doubt_truth" : "doubt_masks"]: isLow };
    return Object.entries(kinds).flatMap(([words, holds]) =>
      stretches(app, holds(app, item.id)).map(([first, after]) => ({ item, words, first, after })));
  }

  // Who looks at the first of these frames, or was led there, needs no way there.
  function isSeen(app, doubt) {
    return (!app.playing && app.at === doubt.first) || app.led.has(keyOf(app, doubt));
  }

  // Tracking once more makes it another one.
  function keyOf(app, { item, words, first }) {
    return [app.clip.key, app.version, item.id, words, first].join();
  }

  // The stretch that begins first; null while there is anything to track.
  function findDoubt(app) {
    if (!app.clip || app.needed || isBusy(app)) return null;
    const found = app.server.objects.flatMap((item) => doubtsOf(app, item)).filter((doubt) => !isSeen(app, doubt));
    return found.sort((one, other) => one.first - other.first)[0] || null;
  }

  function clock(app, frame) {
    const seconds = frame / app.clip.fps, rest = (seconds % 60).toFixed(1);
    return Math.floor(seconds / 60) + ":" + rest.padStart(4, "0");
  }

  function wordsOf(app, { item, words, first, after }) {
    const { labels } = app, ends = after === app.span[1];
    const when = labels[ends ? "doubt_on" : "doubt_until"].replace("{from}", clock(app, first))
      .replace("{until}", clock(app, after - 1));
    return labels[words].replace("{when}", when).replace("{object}", labels.object + " " + (item.slot + 1));
  }

  function showDoubt(app) {
    const box = app.root.querySelector(".doubt"), line = box.querySelector("span");
    app.doubt = findDoubt(app);
    box.hidden = !app.doubt;
    const text = app.doubt ? wordsOf(app, app.doubt) : "";
    if (line.textContent !== text) line.textContent = text;
  }

  function goToDoubt(app) {
    app.led.add(keyOf(app, app.doubt));
    app.selected = app.doubt.item.id;
    goTo(app, app.doubt.first);
  }

  return (app) => {
    app.led = new Set();
    return { commands: { go_to_doubt: () => goToDoubt(app) }, show: () => showDoubt(app) };
  };
})();
