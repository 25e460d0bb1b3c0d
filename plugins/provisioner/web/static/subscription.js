// The buttons of a subscription: each starts a run of its own DAG and tells its result here, without leaving the page.
import { asked, tell, trigger } from "./runs.js";

const LOOK_MILLISECONDS = 1000;
// Airflow begins a run within seconds; after this long it is said that it does not.
const SLOW_LOOKS = 20;
const ENDED = new Set(["success", "failed"]);

const actions = document.getElementById("actions");
const shown = document.getElementById("run");
const { root, airflow } = document.body.dataset;
const { number, dag } = actions.dataset;

actions.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-reset]");
  if (!button) return;
  if (button.dataset.ask && !(await asked(button.dataset.ask, button.textContent.trim()))) return;
  const buttons = [...actions.querySelectorAll("button")];
  buttons.forEach((one) => (one.disabled = true));
  try {
    const given = JSON.parse(button.dataset.reset);
    const run = await trigger(dag, { subscription_number: number, dry_run: false, force: false, ...given });
    await follow(run, button.textContent.trim());
    await refresh();
  } catch (error) {
    tell(error.message);
  } finally {
    buttons.forEach((one) => (one.disabled = false));
  }
});

async function follow(run, what) {
  const link = make("a", run);
  link.href = `${airflow}/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`;
  link.target = "_top";
  const state = make("p", "Waiting for Airflow to begin.");
  say("busy", paragraph(make("strong", what), " is run ", link, "."), state);
  for (let look = 0; ; look += 1) {
    await new Promise((resolve) => window.setTimeout(resolve, LOOK_MILLISECONDS));
    const found = await ask(`${root}/api/subscriptions/${encodeURIComponent(number)}/runs/${encodeURIComponent(run)}`);
    if (found?.closed_at) return result(what, link, found);
    // A run may end before it has a batch (it could not open one): Airflow knows.
    const airflows = await ask(`${airflow}/api/v2/dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(run)}`);
    if (ENDED.has(airflows?.state) && !found) {
      return say("bad", paragraph(make("strong", what), ` ended as ${airflows.state} and left no result: see run `, link, "."));
    }
    if (ENDED.has(airflows?.state) && look > SLOW_LOOKS) {
      return say("bad", paragraph(make("strong", what), ` ended as ${airflows.state}: see run `, link, "."));
    }
    const waited = found ? `Batch ${found.batch_id} is at work (${found.stage.toLowerCase()}).` : "Waiting for Airflow to begin.";
    state.textContent = look < SLOW_LOOKS ? waited : `${waited} It takes long: is Airflow's scheduler alive, and ${dag} not paused?`;
  }
}

function result(what, link, found) {
  const refused = found.summary?.startsWith("Refused") || found.failures.length > 0;
  const bad = refused || found.requests.some((one) => one.state !== "COMPLETED");
  const head = paragraph(make("strong", what), ": ", found.summary ?? "ended without a summary", " ", "Run ", link, ".");
  const list = make("ol");
  for (const one of found.dry_run ? (found.planned ?? []) : found.requests) list.append(make("li", inWords(one)));
  const title = found.dry_run ? (list.children.length ? "It would send:" : "It would send nothing: all is in step.") : "";
  say(bad ? "bad" : "good", head, ...(title && !refused ? [make("p", title)] : []), ...(list.children.length ? [list] : []));
}

function inWords(one) {
  const given = one.parameters ?? one;
  const things = [given.distributor && `at ${given.distributor}`, given.options?.join(", "), given.serial_number];
  const outcome = [one.state, one.already && "(already so)", one.error_code, one.error_description];
  return [one.command, ...things, one.state && "→", ...outcome].filter(Boolean).join(" ");
}

// What the run changed is shown at once; what somebody has opened elsewhere on the page stays.
async function refresh() {
  const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["case", "details", "timeline"]) {
    const part = fresh.getElementById(id);
    if (part) document.getElementById(id)?.replaceWith(part);
  }
}

async function ask(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new Error("You are logged out: load the page again to log in.");
  return answer.ok ? await answer.json() : null;
}

function say(tone, ...parts) {
  shown.className = tone;
  shown.replaceChildren(...parts);
  shown.hidden = false;
}

function make(name, text = "") {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function paragraph(...parts) {
  const element = document.createElement("p");
  element.append(...parts);
  return element;
}
