// From run lengths to pixels. Runs of a mask go down columns, so it is kept turned (x and y swapped),
// where each run is one stretch of memory, and turned back when it is drawn.
studio.masks = (() => {
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

  // Calls `take` with the begin and end of each run inside the mask.
  function eachRun(rle, take) {
    let position = 0, inside = false;
    for (const count of runLengths(rle.counts)) {
      if (inside) take(position, position + count);
      position += count;
      inside = !inside;
    }
  }

  function turnedMask(rle) {
    const [height, width] = rle.size, pixels = new Uint32Array(width * height);
    eachRun(rle, (from, to) => pixels.fill(0xffffffff, from, to));
    return pixels;
  }

  // How many pixels of the mask are in each square of `factor` by `factor`, line after line of the
  // turned mask: of 3 megapixels it takes a tenth of the time of making and shrinking them all.
  function coverage(rle, factor, across, down) {
    const [length] = rle.size, squares = new Uint16Array(across * down);
    const addStretch = (row, from, to) => {
      const first = Math.floor(from / factor), last = Math.floor((to - 1) / factor);
      if (first === last) squares[row + first] += to - from;
      else {
        squares[row + first] += (first + 1) * factor - from;
        for (let at = row + first + 1; at < row + last; at++) squares[at] += factor;
        squares[row + last] += to - last * factor;
      }
    };
    eachRun(rle, (from, to) => {
      for (let at = from; at < to;) {
        const line = Math.floor(at / length), end = Math.min(to, (line + 1) * length);
        addStretch(Math.floor(line / factor) * across, at - line * length, end - line * length);
        at = end;
      }
    });
    return squares;
  }

  // White, as opaque as the share of each square that is in the mask.
  function reducedSheet(rle, factor) {
    const [length, lines] = rle.size, across = Math.ceil(length / factor), down = Math.ceil(lines / factor);
    const squares = coverage(rle, factor, across, down), pixels = new Uint32Array(across * down);
    for (let row = 0, at = 0; row < down; row++) {
      const high = Math.min(factor, lines - row * factor);
      for (let column = 0; column < across; column++, at++) {
        const area = high * Math.min(factor, length - column * factor);
        pixels[at] = 0xffffff + 0x1000000 * Math.round((255 * squares[at]) / area);
      }
    }
    return sheetOf(pixels, across, down);
  }

  function sheetOf(pixels, width, height) {
    const sheet = document.createElement("canvas");
    sheet.width = width;
    sheet.height = height;
    const data = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
    sheet.getContext("2d").putImageData(data, 0, 0);
    return sheet;
  }

  // A layer gives its sheet for a scale, and how many pixels of the mask one of the sheet's stands for.
  // Few are ever seen enlarged: only then is it made at full size.
  function maskLayer(rle) {
    const sheets = new Map();
    return (scale) => {
      const factor = Math.max(1, Math.floor(1 / scale));
      if (!sheets.has(factor)) {
        sheets.set(factor, factor > 1 ? reducedSheet(rle, factor) : fullSheet(turnedMask(rle), rle));
      }
      return { sheet: sheets.get(factor), factor };
    };
  }

  function fullSheet(pixels, rle) {
    const [height, width] = rle.size;
    return sheetOf(pixels, height, width);
  }

  function pixelLayer(pixels, rle) {
    const sheet = fullSheet(pixels, rle);
    return () => ({ sheet, factor: 1 });
  }

  return { maskLayer, pixelLayer, runLengths, turnedMask };
})();
