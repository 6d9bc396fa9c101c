// A backbone that was put away for others: has it loaded again when prompts lack their answers.
studio.backbone = (() => {
  const { call } = studio.calls;
  const PATIENCE = 600000;

  // Asks once for each value of the server: after a failure the next click asks again.
  function backbone(app) {
    let asked = null, said = "";
    const ask = () => {
      const { loading, message } = app.server;
      if (!loading) {
        if (said && app.root.querySelector(".message").textContent === said) app.say("");
        said = "";
      } else if (app.server !== asked) {
        asked = app.server;
        said = message;
        call(app, "load_model", { have: [...app.answers.keys()] }, { patience: PATIENCE, tries: 1, failed: "" });
      }
    };
    return { show: () => setTimeout(ask) };
  }

  return backbone;
})();
