// The line under the timeline: how far the models agree on each frame, and how right they are.
studio.agreement = (() => {
  const { chosenObject } = studio.scene;
  const { trackedOf } = studio.tracked;

  const REACH_SHARE = 0.03;

  function measured(app, object, value) {
    const points = [];
    for (let frame = 0; frame < app.clip.frames; frame++) {
      const item = trackedOf(app, frame, object);
      const found = item ? value(item) : null;
      if (found !== null) points.push([frame, found]);
    }
    return points;
  }

  function linePath(points) {
    let path = "", last = -2;
    for (const [frame, value] of points) {
      path += (frame === last + 1 ? "L" : "M") + (frame + 0.5) + " " + (1 - value).toFixed(4);
      if (frame !== last + 1) path += "h0.01";
      last = frame;
    }
    return path;
  }

  const LINES = {
    iou: (item) => item.iou,
    base: (item) => (item.scores ? item.scores[0][0] : null),
    refined: (item) => (item.scores ? item.scores[1][0] : null),
  };

  function showAgreement(app) {
    const box = app.root.querySelector(".agreement"), svg = box.querySelector("svg");
    const key = [app.clip.key, app.version, app.selected].join();
    if (svg.dataset.key === key) return;
    svg.dataset.key = key;
    svg.setAttribute("viewBox", "0 0 " + app.clip.frames + " 1");
    const name = app.labels.object + " " + (chosenSlot(app) + 1);
    const title = app.clip.truth ? app.labels.scores_title : app.labels.agreement_title;
    const lines = Object.entries(LINES).map(([line, value]) => [line, measured(app, app.selected, value)]);
    box.title = app.labels.agreement_hint;
    box.querySelector(".caption").textContent = lines[0][1].length ? title.replace("{object}", name) : "";
    svg.replaceChildren(...lines.map(([line, points]) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", line);
      path.setAttribute("d", linePath(points));
      return path;
    }));
  }

  function chosenSlot(app) {
    const item = chosenObject(app);
    return item ? item.slot : 0;
  }

  // The frame of least agreement near `frame`.
  function dipNear(app, frame) {
    const reach = Math.max(1, Math.round(app.clip.frames * REACH_SHARE));
    const near = measured(app, app.selected, LINES.iou).filter(([at]) => Math.abs(at - frame) <= reach);
    if (!near.length) return frame;
    return near.reduce((least, point) => (point[1] < least[1] ? point : least))[0];
  }

  return { dipNear, showAgreement };
})();
