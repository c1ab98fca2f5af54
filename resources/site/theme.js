// Light or dark before anything is drawn: what the reader chose, else what the system wants.
(function () {
  "use strict";
  var root = document.documentElement;
  var kept = null;
  try { kept = localStorage.getItem("theme"); } catch (error) { kept = null; } // pages of a folder may keep nothing
  root.dataset.theme = kept === "dark" || kept === "light" ? kept
    : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.addEventListener("DOMContentLoaded", function () {
    var button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", function () {
      root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
      try { localStorage.setItem("theme", root.dataset.theme); } catch (error) { /* asked again on the next page */ }
      document.dispatchEvent(new Event("theme"));
    });
  });
})();
