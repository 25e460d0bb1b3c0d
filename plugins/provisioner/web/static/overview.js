// The two pictures of the overview, drawn from the table beside them; and what Airflow itself says is red.
import uPlot from "./vendor/uPlot-1.6.32.esm.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const plots = new Map();
let drawn = "";

function days() {
  return [...document.querySelectorAll("#days tbody tr")].map((row) => ({
    at: Date.parse(`${row.dataset.day}T00:00:00Z`) / 1000,
    values: JSON.parse(row.dataset.values),
  }));
}

function draw() {
  const found = days();
  const key = JSON.stringify(found) + document.documentElement.dataset.theme + window.innerWidth;
  if (!found.length || key === drawn) return;
  drawn = key;
  const at = found.map((one) => one.at);
  const column = (index) => found.map((one) => one.values[index]);
  bars("plot-drift", at, [["out of sync", "main", column(0)]]);
  // Stacked: each bar stands for itself and all before it, the tallest is drawn first.
  const [completed, rejected, unsent, unknown] = [1, 2, 3, 4].map(column);
  const upTo = (...parts) => at.map((_, index) => parts.reduce((sum, part) => sum + (part[index] ?? 0), 0));
  bars("plot-requests", at, [
    ["no answer", "warn", upTo(completed, rejected, unsent, unknown), unknown],
    ["not sent", "faint", upTo(completed, rejected, unsent), unsent],
    ["rejected", "bad", upTo(completed, rejected), rejected],
    ["completed", "good", completed, completed],
  ]);
}

function bars(id, at, series) {
  const place = document.getElementById(id);
  if (!place) return;
  plots.get(id)?.destroy();
  place.replaceChildren();
  const axis = { stroke: colour("ink"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") } };
  const day = 86_400;
  const options = {
    width: place.clientWidth,
    height: 200,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { x: { range: [at[0] - day, at[at.length - 1] + day] }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.05)] } },
    axes: [
      { ...axis, values: (_, splits) => splits.map((one) => new Date(one * 1000).toISOString().slice(5, 10)), space: 60, incrs: [1, 2, 7, 14, 30].map((n) => n * day) },
      { ...axis, size: 60, values: (_, splits) => splits.map((one) => (Number.isInteger(one) ? one.toLocaleString("en") : "")) },
    ],
    cursor: { drag: { x: false, y: false } },
    series: [
      { label: "Day", value: (_, value) => (value == null ? "" : new Date(value * 1000).toISOString().slice(0, 10)) },
      ...series.map(([label, name, , own]) => ({
        label,
        stroke: colour(name),
        fill: colour(name),
        points: { show: false },
        paths: uPlot.paths.bars({ size: [0.7, 40] }),
        value: (_, value, __, index) => (index == null ? "" : ((own ? own[index] : value) ?? 0).toLocaleString("en")),
      })),
    ],
  };
  plots.set(id, new uPlot(options, [at, ...series.map(([, , values]) => values)], place));
}

// A task that failed says so in Airflow alone: nobody wrote it to our database.
const WATCHED = ["tucano_reset_run", "tucano_archive_requests", "tucano_export_requests", "tucano_real_time"];

async function redDags() {
  const place = document.getElementById("red-dags");
  if (!place) return;
  const airflow = document.body.dataset.airflow;
  const red = [];
  for (const dag of WATCHED) {
    const answer = await fetch(`${airflow}/api/v2/dags/${dag}/dagRuns?order_by=-run_after&limit=1`).catch(() => null);
    if (!answer?.ok) continue;
    const [last] = (await answer.json()).dag_runs;
    if (last?.state === "failed") red.push([dag, last.dag_run_id]);
  }
  place.replaceChildren(
    ...red.map(([dag, run]) => {
      const notice = document.createElement("div");
      notice.className = "notice bad";
      const title = document.createElement("h2");
      title.textContent = `The last run of ${dag} is red`;
      const link = document.createElement("a");
      link.className = "button";
      link.href = `${airflow}/dags/${dag}/runs/${encodeURIComponent(run)}`;
      link.target = "_top";
      link.textContent = "See it in Airflow";
      notice.append(title, link);
      return notice;
    }),
  );
}

draw();
redDags();
window.setInterval(redDags, 30_000);
for (const event of ["patched", "themechange", "resize"]) window.addEventListener(event, draw);
