// A page with data-live="seconds" on its main part is asked for again that often, and only what changed is changed:
// nothing flickers, nobody loses his place, what he types or has opened stays.
import { Idiomorph } from "./vendor/idiomorph-0.8.0.esm.js";

const TRIES_TILL_SAID = 2;

export function live() {
  let failures = 0;
  const state = document.getElementById("live-state");

  const wait = () => {
    const seconds = Number(document.querySelector("[data-live]")?.dataset.live || 0);
    if (seconds > 0) window.setTimeout(again, seconds * 1000);
  };

  const again = async () => {
    // Nobody looks: nothing is asked.
    if (document.hidden) return wait();
    try {
      const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
      if (answer.status === 401) return say("You are logged out: load the page again to log in.");
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      patch(await answer.text());
      failures = 0;
      say(`Live, as of ${new Date().toISOString().slice(11, 19)} UTC.`);
    } catch (error) {
      failures += 1;
      if (failures >= TRIES_TILL_SAID) say(`Not live: Airflow's API server does not answer (${error.message}). Trying again.`);
    }
    wait();
  };

  const say = (text) => {
    if (state.textContent !== text) state.textContent = text;
  };

  wait();
}

function patch(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("content");
  const old = document.getElementById("content");
  if (!fresh || !old) return;
  Idiomorph.morph(old, fresh, {
    morphStyle: "outerHTML",
    ignoreActiveValue: true,
    callbacks: {
      beforeNodeMorphed: (before, after) => {
        if (!(before instanceof Element)) return true;
        // What a script of ours drew, or what somebody is answering, is not the server's to change.
        if (before.hasAttribute("data-keep") || before.matches("dialog[open]")) return false;
        if (before.matches("details") && before.open) after.setAttribute("open", "");
        return !before.isEqualNode(after);
      },
    },
  });
  window.dispatchEvent(new Event("patched"));
}
