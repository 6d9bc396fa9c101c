// A point of the compare tab's drawing opens its picture here, by its source: an example, or a file that
// was given there.
studio.measured = (() => {
  const { openExample, openFile } = studio.files;

  function keepFiles(app, files) {
    for (const file of files || []) if (file.type.startsWith("image/")) app.measured.set(file.name, file);
  }

  function openMeasured(app, source) {
    const end = source.indexOf(":"), name = source.slice(end + 1), isExample = source.slice(0, end) === "example";
    const file = isExample ? null : app.measured.get(name);
    if (!isExample && !file) return;
    document.querySelector('button[role="tab"]').click();
    if (isExample) openExample(app, name);
    else openFile(app, file);
  }

  function measured(app) {
    app.measured = new Map();
    const inFiles = (event) => app.root.isConnected && event.target.closest("#compare-files");
    document.addEventListener("change", (event) => inFiles(event) && keepFiles(app, event.target.files), true);
    document.addEventListener("drop", (event) => inFiles(event) && keepFiles(app, event.dataTransfer.files), true);
    const choose = (event) => {
      const dot = app.root.isConnected && event.target.closest("[data-measured]");
      if (dot) openMeasured(app, dot.dataset.measured);
    };
    document.addEventListener("click", choose);
    document.addEventListener("keydown", (event) => event.key === "Enter" && choose(event));
    return {};
  }

  return measured;
})();
