// A bar of buttons is one stop of the tab key: arrows, Home and End move within it. The stop is where the
// focus is, else the button that is pressed.
studio.roving = (() => {
  const BAR = '[role="toolbar"]';
  const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

  function usable(bar) {
    return [...bar.querySelectorAll("button:enabled")];
  }

  function setStop(bar) {
    const buttons = usable(bar), isPressed = (button) => button.getAttribute("aria-pressed") === "true";
    const stop = buttons.find((button) => button === document.activeElement) || buttons.find(isPressed) || buttons[0];
    for (const button of bar.querySelectorAll("button")) {
      const index = button === stop ? 0 : -1;
      if (button.tabIndex !== index) button.tabIndex = index;
    }
  }

  function goalOf(key, at, count) {
    if (key === "Home") return 0;
    if (key === "End") return count - 1;
    return key in STEPS ? (at + STEPS[key] + count) % count : -1;
  }

  function move(event) {
    const bar = event.target.closest(BAR), buttons = bar ? usable(bar) : [];
    const goal = goalOf(event.key, buttons.indexOf(event.target), buttons.length);
    if (!buttons.includes(event.target) || goal < 0) return;
    event.preventDefault();
    buttons[goal].focus();
    setStop(bar);
  }

  function roving(app) {
    app.root.addEventListener("keydown", move);
    return { show: () => app.root.querySelectorAll(BAR).forEach(setStop) };
  }

  return roving;
})();
