// Search in the list: every word must stand in the name, tags, owner, summary or operations of an API.
(function () {
  "use strict";
  function plain(text) {
    return text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  }
  var input = document.getElementById("search");
  var count = document.getElementById("count");
  var none = document.getElementById("none");
  var cards = Array.prototype.map.call(document.querySelectorAll(".api"), function (card) {
    var operations = Array.prototype.map.call(card.querySelectorAll(".operations li"), function (line) {
      return { line: line, text: plain(line.textContent) };
    });
    return { card: card, text: plain(card.textContent), operations: operations };
  });

  function search() {
    var words = plain(input.value).split(/\s+/).filter(Boolean);
    var shown = 0;
    cards.forEach(function (each) {
      var found = words.every(function (word) { return each.text.indexOf(word) >= 0; });
      each.card.hidden = !found;
      shown += found ? 1 : 0;
      var lines = 0;
      each.operations.forEach(function (operation) {
        var hit = found && words.length > 0 && lines < 5 && words.some(function (word) { return operation.text.indexOf(word) >= 0; });
        operation.line.hidden = !hit;
        lines += hit ? 1 : 0;
      });
    });
    count.textContent = count.dataset.text.replace("{shown}", shown).replace("{all}", cards.length);
    none.hidden = shown > 0;
    try { history.replaceState(null, "", words.length ? "#" + encodeURIComponent(input.value) : location.pathname + location.search); }
    catch (error) { /* the address stays as it was */ }
  }

  try { input.value = decodeURIComponent(location.hash.slice(1)); } catch (error) { input.value = ""; }
  input.addEventListener("input", search);
  document.addEventListener("click", function (event) {
    if (event.target.classList.contains("tag")) {
      input.value = event.target.textContent;
      input.focus();
      search();
    }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "/" && document.activeElement !== input) { event.preventDefault(); input.focus(); }
    if (event.key === "Escape" && document.activeElement === input) { input.value = ""; search(); }
  });
  search();
})();
