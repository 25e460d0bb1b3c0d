// What every page does: links out of Airflow's frame, times in the reader's zone, buttons that start a run, live pages.
import { live } from "./live.js";
import { offerRuns } from "./runs.js";

// Airflow shows us in a sandboxed frame that may not change the address of the window around it. A link in the window's
// own document may.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[target="_top"]');
  if (!link || window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const outside = window.parent.document.createElement("a");
  outside.href = link.href;
  window.parent.document.body.append(outside);
  outside.click();
  outside.remove();
});

// The zone of whoever reads, beside the UTC that everybody writes in the log.
document.addEventListener("mouseover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (time && !time.title) {
    time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
});

// A filter is in force as soon as something else is chosen; without scripts its button does it.
document.addEventListener("change", (event) => {
  if (event.target.matches("form.filter select")) event.target.form.requestSubmit();
});

// An empty field is no filter, and does not belong into an address that is sent to a colleague.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.filter")) return;
  for (const field of event.target.elements) if (field.name && field.value === "") field.disabled = true;
});
// The browser shows the page again as it was left when somebody goes back.
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form.filter [name]:disabled")) field.disabled = false;
});

offerRuns();
live();
