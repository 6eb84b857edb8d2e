// What pages do better with JavaScript; without it every page works all the same.
// "/" goes to Find, "j" and "k" go from exam to exam, Pause stops the page from renewing itself.
"use strict";

(() => {
  const typing = (element) =>
    element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));

  const move = (by) => {
    const links = [...document.querySelectorAll("table.day th[scope=row] a")];
    if (!links.length) return;
    const here = links.indexOf(document.activeElement);
    const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(here + by, 0), links.length - 1);
    links[next].focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      const box = document.getElementById("who");
      if (box) box.focus();
      else window.location.assign("/app/find");
    } else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
  });

  const pause = document.querySelector("[data-pause]");
  let paused = false;
  if (pause) {
    pause.hidden = false;
    pause.addEventListener("click", () => {
      paused = !paused;
      pause.setAttribute("aria-pressed", String(paused));
    });
  }

  // Nothing moves under the fingers: a part that has the focus, or on which something is pressed, is left alone.
  let focused = "";
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (paused || document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    const active = document.activeElement;
    focused = part.contains(active) ? active.getAttribute("href") || "" : "";
    if (paused || (part.contains(active) && !focused && active !== part)) event.detail.shouldSwap = false;
  });
  // A page that cannot be renewed says so: nobody takes an old list for the present one.
  const unrenewed = document.querySelector("[data-unrenewed]");
  document.addEventListener("htmx:afterRequest", (event) => {
    if (unrenewed) unrenewed.hidden = Boolean(event.detail.successful);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!focused) return;
    const again = [...event.detail.target.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused);
    if (again) again.focus({ preventScroll: true });
  });
})();
