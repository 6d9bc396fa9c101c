// Goes to where the two masks of the frame differ most.
studio.difference = (() => {
  const { showRegion } = studio.geometry;
  const { visiblePane } = studio.keys;
  const { turnedMask } = studio.masks;
  const { chosenObject } = studio.scene;

  // The bounding box of the largest patch where the two masks differ, or null if they agree.
  function largestDifference(answer) {
    const [height, width] = answer.base.size;
    const one = turnedMask(answer.base), other = turnedMask(answer.refined);
    for (let i = 0; i < one.length; i++) one[i] = one[i] === other[i] ? 0 : 1;
    const stack = other;
    let best = null, most = 0;
    for (let start = 0; start < one.length; start++) {
      if (one[start] !== 1) continue;
      let top = 0, size = 0, x0 = width, x1 = 0, y0 = height, y1 = 0;
      stack[top++] = start;
      one[start] = 2;
      while (top > 0) {
        const at = stack[--top], y = at % height, x = (at - y) / height;
        size++;
        if (x < x0) x0 = x;
        if (x > x1) x1 = x;
        if (y < y0) y0 = y;
        if (y > y1) y1 = y;
        if (y > 0 && one[at - 1] === 1) { one[at - 1] = 2; stack[top++] = at - 1; }
        if (y < height - 1 && one[at + 1] === 1) { one[at + 1] = 2; stack[top++] = at + 1; }
        if (x > 0 && one[at - height] === 1) { one[at - height] = 2; stack[top++] = at - height; }
        if (x < width - 1 && one[at + height] === 1) { one[at + height] = 2; stack[top++] = at + height; }
      }
      if (size > most) { most = size; best = [x0, y0, x1 + 1, y1 + 1]; }
    }
    return best;
  }

  function showLargest(app) {
    const item = chosenObject(app), answer = item && app.doc.answer(app, item.answer);
    const region = answer && largestDifference(answer);
    if (region) showRegion(app.view, visiblePane(app), app.picture, ...region);
    app.redraw();
  }

  function difference(app) {
    const largest = () => showLargest(app);
    return { commands: { largest }, keys: { l: largest } };
  }

  return difference;
})();
