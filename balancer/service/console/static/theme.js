// Before the first paint: the reader's choice of light or dark, where there is one.
"use strict";
(() => {
  try {
    const chosen = localStorage.getItem("open-balancer-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* a browser that keeps nothing follows the system */ }
})();
