// Menus: at most one is open; a click outside, a choice in it or Escape closes it.
studio.menus = (() => {
  function closeAll(app, but) {
    for (const menu of app.root.querySelectorAll("details.menu[open]")) if (menu !== but) menu.open = false;
  }

  function menus(app) {
    app.root.addEventListener("toggle", (event) => {
      if (event.target.open) closeAll(app, event.target);
    }, true);
    app.root.addEventListener("click", (event) => {
      const button = event.target.closest("button"), menu = event.target.closest("details.menu");
      if (!menu) closeAll(app, null);
      else if (button && !button.closest(".group:not(.downloads .group)")) menu.open = false;
    });
    app.root.addEventListener("keydown", (event) => {
      const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
      if (!menu) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    return {};
  }

  return menus;
})();
