"use strict";
// Follows a run in training: puts the part of the page that changes in anew, and loads the page when the run has ended.
(() => {
  const PAUSE_MS = 3000;
  const live = document.getElementById("live");
  const said = document.getElementById("live-said");
  let shown = live.innerHTML;

  async function look() {
    let answer;
    try {
      answer = await fetch(live.dataset.url, { cache: "no-store" });
    } catch {
      said.textContent = "The server does not answer; what is shown is from before.";
      return;
    }
    if (answer.status === 404) {
      said.textContent = "The run is not there any more.";
      return;
    }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = page.getElementById("progress");
    if (!part || part.dataset.status === "unreadable") return;
    if (part.dataset.status !== "running") {
      window.location.reload();
      return;
    }
    if (part.outerHTML === shown) return;
    const open = [...live.querySelectorAll("details")].map((details) => details.open);
    part.querySelectorAll("details").forEach((details, place) => { details.open = open[place] ?? false; });
    shown = page.getElementById("progress").outerHTML;
    live.replaceChildren(part);
    const words = document.getElementById("progress-words");
    if (words && words.textContent !== said.textContent) said.textContent = words.textContent;
  }

  async function follow() {
    if (!document.hidden) await look();
    window.setTimeout(follow, PAUSE_MS);
  }
  window.setTimeout(follow, PAUSE_MS);
})();
