// The three frames where the two models differ most, or, where the truth is known, where SAM2Refiner is
// worst: small pictures to go there by. They stay while one after the other is corrected.
studio.worst = (() => {
  const { make } = studio.panel;
  const { drawSmall } = studio.frames;
  const { goTo } = studio.player;
  const { soundness } = studio.tracked;
  const { isBusy } = studio.work;
  const COUNT = 3, WIDTH = 96, APART = 0.08;

  function mean(values) {
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  }

  function measured(app) {
    return [...app.tracked].filter(([, items]) => items.size)
      .map(([frame, items]) => [frame, mean([...items.values()].map(soundness))]);
  }

  // The least ones that are not next to each other.
  function worstFrames(app) {
    const apart = Math.max(2, APART * app.clip.frames), found = [];
    for (const [frame, value] of measured(app).sort((a, b) => a[1] - b[1])) {
      if (found.every(([other]) => Math.abs(other - frame) >= apart)) found.push([frame, value]);
      if (found.length === COUNT) break;
    }
    return found.sort((a, b) => a[0] - b[0]);
  }

  function thumbnail(app, [frame, value]) {
    const picture = make("canvas", { width: WIDTH, height: Math.round((WIDTH * app.clip.height) / app.clip.width) });
    const text = app.labels.worst_frame.replace("{frame}", frame).replace("{value}", Math.round(100 * value));
    const button = make("button", { type: "button", title: text }, [picture, make("span", { textContent: "f" + frame })]);
    button.setAttribute("aria-label", text);
    button.addEventListener("click", () => goTo(app, frame));
    drawSmall(app, picture, frame);
    return button;
  }

  function showWorst(app) {
    const box = app.root.querySelector(".worst"), row = box.querySelector("div");
    const frames = app.clip && !isBusy(app) && app.tracked.size ? worstFrames(app) : [];
    const state = app.clip ? JSON.stringify([app.clip.key, frames]) : "";
    if (row.dataset.state === state) return;
    row.dataset.state = state;
    const hint = !frames.length ? "worst_later" : app.clip.truth ? "worst_truth_hint" : "worst_hint";
    box.querySelector("small").textContent = app.labels[hint];
    row.replaceChildren(...frames.map((found) => thumbnail(app, found)));
  }

  return (app) => ({ show: () => showWorst(app) });
})();
