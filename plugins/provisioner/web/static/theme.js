// Light or dark as Airflow is: it keeps what its reader chose under `theme`. Runs before the first paint.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem("theme");
    } catch {
      // A browser may forbid it: then the system's own choice is taken.
    }
    const theme = chosen === "dark" || chosen === "light" ? chosen : dark.matches ? "dark" : "light";
    if (document.documentElement.dataset.theme !== theme) {
      document.documentElement.dataset.theme = theme;
      window.dispatchEvent(new Event("themechange"));
    }
  };
  show();
  dark.addEventListener("change", show);
  // Another document of the same origin chose: the Airflow UI around this frame.
  window.addEventListener("storage", (event) => event.key === "theme" && show());
})();
