// Whoever presses before the page's modules are there is heard as soon as they are. The browser says DOMContentLoaded
// once it has run them; until then nobody would answer, and the press would be lost without a word.
(() => {
  let pressed = null;
  const keep = (event) => {
    const control = event.target.closest?.('button[type="button"], a[target="_top"]');
    // With a key held the browser itself opens a link beside this page.
    if (!control || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    pressed = control;
  };
  document.addEventListener("click", keep, true);
  document.addEventListener("DOMContentLoaded", () => {
    document.removeEventListener("click", keep, true);
    pressed?.click();
  });
})();
