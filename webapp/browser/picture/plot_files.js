// The plot and its numbers as files.
studio.plotFiles = (() => {
  const PNG_SCALE = 4;
  const HEAD = "curve,prompts,sam2_iou,sam2_boundary_iou,sam2refiner_iou,sam2refiner_boundary_iou";

  function save(name, blob) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // The plot with its colours written into it: a file has no style sheet.
  function standalone(plot) {
    const copy = plot.cloneNode(true), [from, to] = [plot, copy].map((node) => node.querySelectorAll("*"));
    from.forEach((node, at) => {
      const style = getComputedStyle(node);
      for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family"]) {
        to[at].style.setProperty(name, style.getPropertyValue(name));
      }
    });
    const { width, height } = plot.viewBox.baseVal;
    for (const [name, value] of [["xmlns", "http://www.w3.org/2000/svg"], ["width", width], ["height", height]]) {
      copy.setAttribute(name, value);
    }
    return new Blob([copy.outerHTML], { type: "image/svg+xml" });
  }

  function saveSvg(plot) {
    if (plot) save("prompts.svg", standalone(plot));
  }

  async function savePng(plot) {
    if (!plot) return;
    const image = new Image(), url = URL.createObjectURL(standalone(plot));
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas"), { width, height } = plot.viewBox.baseVal;
    canvas.width = PNG_SCALE * width;
    canvas.height = PNG_SCALE * height;
    const ctx = canvas.getContext("2d");
    ctx.fillStyle = getComputedStyle(document.body).backgroundColor;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(url);
    canvas.toBlob((blob) => save("prompts.png", blob));
  }

  function saveCsv(layers) {
    const lines = layers.flatMap((layer) => layer.rows.map((row) => [layer.name, ...row].join(",")));
    save("prompts.csv", new Blob([[HEAD, ...lines].join("\r\n") + "\r\n"], { type: "text/csv" }));
  }

  return { saveSvg, savePng, saveCsv };
})();
