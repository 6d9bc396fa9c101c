// What says `data-about`, anywhere on the page, leads to the part of that name in the about tab.
studio.about = (() => {
  const { sleep } = studio.calls;
  const SOON = 50, LONGEST = 3000, SETTLES = 500;

  async function lead(name) {
    const tabs = document.querySelector('[role="tablist"]').querySelectorAll('[role="tab"]');
    tabs[tabs.length - 1].click();
    // The parts come one after the other, and those above push this one down.
    for (let waited = 0, shown = 0; waited < LONGEST && shown < SETTLES; waited += SOON) {
      const part = document.getElementById("about-" + name);
      if (part && part.offsetParent) {
        part.scrollIntoView();
        shown += SOON;
      }
      await sleep(SOON);
    }
  }

  function about(app) {
    document.addEventListener("click", (event) => {
      const way = app.root.isConnected && event.target.closest("[data-about]");
      if (!way) return;
      event.preventDefault();
      lead(way.dataset.about);
    });
    return {};
  }

  return about;
})();
