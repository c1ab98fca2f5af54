// The reference, drawn by Redoc in the colours of the page; its fixed words in the language of the page.
(function () {
  "use strict";
  var told = JSON.parse(document.getElementById("told").textContent);
  var holder = document.getElementById("reference");

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function options() {
    var text = colour("text"), muted = colour("muted"), border = colour("border"), accent = colour("accent");
    return {
      sanitize: true, untrustedSpec: true, disableSearch: true, hideDownloadButtons: true, hideLoading: true, nativeScrollbars: true,
      menuToggle: true, sortRequiredPropsFirst: true, expandResponses: "200,201,202", labels: told.labels,
      theme: {
        colors: {
          primary: { main: accent }, success: { main: colour("done") }, warning: { main: colour("warning") }, error: { main: colour("failed") },
          gray: { 50: colour("sunken"), 100: colour("border") },
          text: { primary: text, secondary: muted }, border: { dark: border, light: border },
          responses: {
            success: { color: colour("done"), backgroundColor: colour("sunken") }, error: { color: colour("failed"), backgroundColor: colour("sunken") },
            redirect: { color: colour("warning"), backgroundColor: colour("sunken") }, info: { color: accent, backgroundColor: colour("sunken") }
          }
        },
        schema: { nestedBackground: colour("sunken"), linesColor: muted, typeNameColor: muted, typeTitleColor: text, requireLabelColor: colour("failed") },
        typography: {
          fontFamily: "inherit", fontSize: "15px", headings: { fontFamily: "inherit" }, links: { color: accent, visited: accent, hover: accent },
          code: { color: colour("code_text"), backgroundColor: colour("sunken"), fontFamily: "ui-monospace, Menlo, Consolas, monospace" }
        },
        sidebar: { backgroundColor: colour("chrome"), textColor: text, activeTextColor: accent },
        rightPanel: {
          backgroundColor: "#1b1f28", textColor: "#e9ecf2",
          servers: { overlay: { backgroundColor: colour("raised"), textColor: text }, url: { backgroundColor: colour("sunken") } }
        },
        codeBlock: { backgroundColor: "#12141a" }
      }
    };
  }

  // Redoc takes only some of its words from its options; the others are exchanged where they stand alone in a part of its frame.
  // What the document says is left as it is.
  function translate(node) {
    var walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    for (var text = walker.nextNode(); text; text = walker.nextNode()) {
      var word = text.nodeValue.trim();
      if (Object.prototype.hasOwnProperty.call(told.words, word) && !text.parentElement.closest(".redoc-markdown, pre, code, h1, h2, a")) {
        text.nodeValue = text.nodeValue.replace(word, told.words[word]);
      }
    }
  }
  if (Object.keys(told.words).length) {
    new MutationObserver(function (changes) {
      changes.forEach(function (change) { Array.prototype.forEach.call(change.addedNodes, translate); });
    }).observe(holder, { childList: true, subtree: true });
  }

  function draw() {
    var place = document.createElement("div");
    holder.replaceChildren(place);
    function done(error) {
      document.getElementById("waiting").hidden = true;
      holder.dataset.state = error ? "failed" : "drawn";
      if (error) { place.textContent = told.failed; }
    }
    try {
      Redoc.init(JSON.parse(window.apiDocument), options(), place, done);
    } catch (error) {
      done(error);
    }
  }
  document.addEventListener("theme", draw);
  draw();
})();
