// A backbone that was put away for others: has it loaded again when prompts lack their answers.
studio.backbone = (() => {
  const { call } = studio.calls;
  const PATIENCE = 600000;

  // Asks once for each value of the server: after a failure the next click asks again.
  function backbone(app) {
    let asked = null, said = "";
    const ask = () => {
      const { loading, notice } = app.server;
      if (!loading) {
        if (said && app.root.querySelector(".notice").textContent === said) app.tell("");
        said = "";
      } else if (app.server !== asked) {
        asked = app.server;
        said = notice;
        call(app, "load_model", { have: [...app.answers.keys()] }, { patience: PATIENCE, tries: 1, failed: "" });
      }
    };
    return { show: () => setTimeout(ask) };
  }

  return backbone;
})();
