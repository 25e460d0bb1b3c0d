// Buttons that start a run. They call Airflow's own REST API with the reader's own log-in: who may not trigger the DAG is
// refused by Airflow, and Airflow's audit log has who did it.
//
//   <button data-run="tucano_reset_subscription" data-conf='{"subscription_number": "S0000000309"}'
//           data-ask="Send what is missing?" data-then="/subscriptions/S0000000309">Reset now</button>
//
// data-conf-from names an address of ours that answers {"conf": {...}} instead. data-ask is asked first. data-then is where
// the reader is taken, {run_id} filled in; without it a note with a link to the run appears.

export async function trigger(dagId, conf) {
  const airflow = document.body.dataset.airflow;
  const answer = await fetch(`${airflow}/api/v2/dags/${encodeURIComponent(dagId)}/dagRuns`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ logical_date: null, conf }),
  });
  if (!answer.ok) throw new Error(await reason(answer, dagId));
  return (await answer.json()).dag_run_id;
}

async function reason(answer, dagId) {
  if (answer.status === 401) return "You are logged out: load the page again to log in.";
  if (answer.status === 403) return `You may not trigger ${dagId}: ask whoever administers Airflow for the right.`;
  let said = "";
  try {
    const body = await answer.json();
    said = body.error_description ?? (typeof body.detail === "string" ? body.detail : JSON.stringify(body.detail));
  } catch {
    said = `HTTP ${answer.status}`;
  }
  return `${dagId} was not triggered: ${said}`;
}

async function confOf(button) {
  if (!button.dataset.confFrom) return JSON.parse(button.dataset.conf || "{}");
  const answer = await fetch(button.dataset.confFrom, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(await reason(answer, button.dataset.run));
  return (await answer.json()).conf;
}

export function offerRuns() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-run]");
    if (!button) return;
    event.preventDefault();
    if (button.dataset.ask && !(await asked(button.dataset.ask, button.textContent.trim()))) return;
    button.disabled = true;
    try {
      const dagId = button.dataset.run;
      const run = await trigger(dagId, await confOf(button));
      const root = document.body.dataset.root;
      if (button.dataset.then) {
        window.location.assign(root + button.dataset.then.replace("{run_id}", encodeURIComponent(run)));
        return;
      }
      tell(`Started ${dagId}. `, `${root}/runs/${encodeURIComponent(dagId)}/${encodeURIComponent(run)}`, "See the run");
    } catch (error) {
      tell(error.message);
    } finally {
      button.disabled = false;
    }
  });
}

// The browser's own confirm() is forbidden in Airflow's frame (its sandbox has no allow-modals).
export function asked(question, yes) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", question);
    const text = document.createElement("p");
    text.textContent = question;
    const form = document.createElement("form");
    form.method = "dialog";
    for (const [value, label] of [["no", "Cancel"], ["yes", yes]]) {
      const button = document.createElement("button");
      button.value = value;
      button.textContent = label;
      if (value === "yes") button.className = "main";
      form.append(button);
    }
    dialog.append(text, form);
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function tell(text, address, label) {
  const told = document.getElementById("told");
  told.replaceChildren(text);
  if (address) {
    const link = document.createElement("a");
    link.href = address;
    link.textContent = label;
    told.append(link);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => (told.hidden = true));
  told.append(" ", close);
  told.hidden = false;
}
