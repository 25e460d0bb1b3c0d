// A changed provider file: checked at once, and put to the question what it would do, as a run of its own DAG.
import { tell, trigger } from "./runs.js";

const LOOK_MILLISECONDS = 1000;
const ENDED = new Set(["success", "failed"]);

const form = document.getElementById("ask");
const text = document.getElementById("changed-file");
const told = document.getElementById("told-of-file");
const { root, airflow } = document.body.dataset;
const dag = form.dataset.dag;

form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("upload").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  if (file.size > 1_000_000) return tell("The file is larger than a megabyte: that is no provider file.");
  text.value = await file.text();
  event.target.value = "";
  await guarded(check);
});
document.getElementById("check").addEventListener("click", () => guarded(check));
document.getElementById("what-if-run")?.addEventListener("click", () => guarded(whatIf));
document.addEventListener("click", (event) => {
  const run = event.target.closest?.("button[data-what-if]")?.dataset.whatIf;
  if (run) guarded(async () => show(await ask(`${root}/api/what-ifs/${encodeURIComponent(run)}`)));
});

async function guarded(work) {
  const buttons = [...document.querySelectorAll("#ask button, button[data-what-if]")].filter((one) => !one.disabled);
  buttons.forEach((one) => (one.disabled = true));
  try {
    await work();
  } catch (error) {
    tell(error.message);
  } finally {
    buttons.forEach((one) => (one.disabled = false));
  }
}

async function check() {
  const found = await ask(`${root}/api/provider/check`, { provider_file: text.value });
  if (!found.valid) {
    const list = make("ul");
    list.className = "problem-lines";
    for (const one of found.problems) {
      const item = make("li", `line ${one.line}: ${one.text} `);
      item.append(code(one.shown));
      list.append(item);
    }
    say("bad", sentence(`The file has ${count(found.problems.length, "mistake")}.`), list);
    return null;
  }
  const list = make("ul");
  for (const one of found.changes ?? []) list.append(item(code(one)));
  const same = found.changes?.length === 0;
  say(
    "good",
    sentence(same ? "The file is in order, and says what the file in use says." : "The file is in order."),
    ...(list.children.length ? [paragraph(`It changes ${count(list.children.length, "value")}:`), list] : []),
  );
  return found;
}

async function whatIf() {
  if (!(await check())) return;
  const checked = [...told.children];
  const run = await trigger(dag, { provider_file: text.value });
  const link = make("a", run);
  link.href = `${airflow}/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`;
  link.target = "_top";
  const state = make("p", "Waiting for Airflow to begin.");
  const waiting = notice("busy", sentence("Reading the CRM and planning every account."), state, paragraph("Run ", link, "."));
  told.replaceChildren(...checked, waiting);
  for (;;) {
    await new Promise((resolve) => window.setTimeout(resolve, LOOK_MILLISECONDS));
    const found = await ask(`${root}/api/what-ifs/${encodeURIComponent(run)}`);
    if (found?.answered_at) return show(found, checked);
    const airflows = await ask(`${airflow}/api/v2/dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(run)}`);
    if (ENDED.has(airflows.state) && !found) throw new Error(`${dag} ended as ${airflows.state} without an answer: see the run.`);
    if (airflows.state === "failed") throw new Error(`${dag} failed: see the run.`);
    if (found) state.textContent = `${found.progress}.`;
  }
}

function show(found, before = []) {
  if (found.refused) return told.replaceChildren(...before, notice("bad", sentence("No answer."), make("pre", found.refused)));
  const { with_file: after, in_use: now, crm_read_at: at } = found.answer;
  const held = after.held_because.length > 0;
  const parts = [
    sentence(
      after.accounts === 0
        ? "Nothing would be sent: every account is in step under this file."
        : `${count(after.accounts, "account")} of ${number(after.base)} would change, by ${count(after.requests, "request")}.`,
    ),
    paragraph(
      now
        ? `Under the file in use it is ${count(now.accounts, "account")} and ${count(now.requests, "request")}: what is out of step anyhow. `
        : `The file in use cannot be compared: ${found.answer.in_use_missing_because} `,
      `Sending would take about ${number(Math.ceil(after.seconds_to_send))} s at requests_per_second.`,
    ),
    paragraph(
      `Based on ${number(after.subscriptions)} subscriptions read from the CRM at ${at.slice(0, 19).replace("T", " ")} UTC, against what `,
      "Tucano is known to have. Nothing was sent, and no run saw it.",
    ),
  ];
  if (!after.would_send) parts.push(paragraph("As it stands nothing would be sent: the provider is not EFFECTIVE, or has no distributor."));
  if (held) parts.push(paragraph(make("strong", "Held for a person: "), `${after.held_because.join("; ")}.`));
  if (after.accounts_losing) parts.push(paragraph(`${count(after.accounts_losing, "account")} would lose something and gain nothing.`));
  if (after.accounts_withheld) parts.push(paragraph(`${count(after.accounts_withheld, "account")} would keep what may be too much: a code without mapping.`));
  if (after.rejected_rows) {
    const more = now ? ` (${number(now.rejected_rows)} under the file in use)` : "";
    parts.push(paragraph(`${count(after.rejected_rows, "row")} of the CRM would be rejected${more}: ${entries(after.rejected_by_reason)}. `));
    const examples = make("ul");
    for (const one of after.rejected_examples) examples.append(make("li", one));
    parts.push(examples);
  }
  const beside = make("div");
  beside.className = "beside";
  beside.append(
    table("Requests by command", ["Command", "This file", "File in use"], keys(after.by_command, now?.by_command).map((one) => [one, after.by_command[one] ?? 0, now ? (now.by_command[one] ?? 0) : null])),
    table("Requests by distributor", ["Distributor", "This file", "File in use"], keys(after.by_distributor, now?.by_distributor).map((one) => [one, after.by_distributor[one] ?? 0, now ? (now.by_distributor[one] ?? 0) : null])),
  );
  const options = table(
    "Accounts by option",
    ["Distributor and option", "Activated", "Suspended"],
    after.by_option.map((one) => [`${one.distributor} ${one.option}`, one.activated, one.suspended]),
  );
  told.replaceChildren(...before, notice(held ? "warn" : "good", ...parts), beside, options);
}

function table(title, columns, rows) {
  const box = make("div");
  box.className = "scroll tall";
  box.tabIndex = 0;
  if (rows.length === 0) {
    box.append(make("p", `${title}: none.`));
    return box;
  }
  const element = make("table");
  const head = make("tr");
  columns.forEach((one, place) => head.append(cell("th", one, place)));
  const body = make("tbody");
  for (const row of rows) {
    const line = make("tr");
    row.forEach((one, place) => line.append(cell("td", place === 0 ? one : number(one), place)));
    body.append(line);
  }
  const top = make("thead");
  top.append(head);
  element.append(make("caption", title), top, body);
  box.append(element);
  return box;
}

function cell(name, content, place) {
  const element = make(name, content);
  if (name === "th") element.scope = "col";
  element.className = place === 0 ? "code" : "count";
  return element;
}

async function ask(address, body = null) {
  const answer = await fetch(address, {
    method: body ? "POST" : "GET",
    headers: { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (answer.ok) return answer.json();
  if (answer.status === 401) throw new Error("You are logged out: load the page again to log in.");
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error_description ?? `Airflow answered ${answer.status}.`);
}

const keys = (one, other = {}) => [...new Set([...Object.keys(one), ...Object.keys(other ?? {})])].sort();
const entries = (counts) => Object.entries(counts).map(([name, many]) => `${name} ${number(many)}`).join(", ");
const number = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString("en-US"));
const count = (value, one) => `${number(value)} ${one}${value === 1 ? "" : "s"}`;

function say(tone, ...parts) {
  told.replaceChildren(notice(tone, ...parts));
}

function notice(tone, ...parts) {
  const element = make("div");
  element.className = `notice ${tone}`;
  element.append(...parts);
  return element;
}

function make(name, content = "") {
  const element = document.createElement(name);
  element.textContent = content;
  return element;
}

const code = (content) => Object.assign(make("span", content), { className: "code" });
const sentence = (content) => Object.assign(make("p", content), { className: "sentence" });

function item(child) {
  const element = make("li");
  element.append(child);
  return element;
}

function paragraph(...parts) {
  const element = make("p");
  element.append(...parts);
  return element;
}
