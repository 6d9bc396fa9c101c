// Masks from COCO run lengths. Runs go down columns, so a mask is kept turned (x and y swapped),
// where each run is one stretch of memory, and turned back when it is drawn.

function runLengths(text) {
  const counts = [];
  let position = 0;
  while (position < text.length) {
    let value = 0, shift = 0, more = true;
    while (more) {
      const code = text.charCodeAt(position++) - 48;
      value |= (code & 0x1f) << (5 * shift++);
      more = (code & 0x20) !== 0;
      if (!more && (code & 0x10)) value |= -1 << (5 * shift);
    }
    if (counts.length > 2) value += counts[counts.length - 2];
    counts.push(value);
  }
  return counts;
}

function turnedMask(rle) {
  const [height, width] = rle.size;
  const pixels = new Uint32Array(width * height);
  let position = 0, inside = false;
  for (const count of runLengths(rle.counts)) {
    if (inside) pixels.fill(0xffffffff, position, position + count);
    position += count;
    inside = !inside;
  }
  return pixels;
}

function maskLayer(pixels, rle) {
  const [height, width] = rle.size;
  const layer = document.createElement("canvas");
  layer.width = height;
  layer.height = width;
  const data = new ImageData(new Uint8ClampedArray(pixels.buffer), height, width);
  layer.getContext("2d").putImageData(data, 0, 0);
  return layer;
}

function makeLayers(answer) {
  const base = turnedMask(answer.base), refined = turnedMask(answer.refined);
  return { base: maskLayer(base, answer.base), refined: maskLayer(refined, answer.refined) };
}

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
