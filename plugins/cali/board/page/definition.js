// One service level as an element. Texts come from people and pipelines: they are set as text and never as markup.

export const WORDS = {
  on_time: "On time", late: "Late", missed: "Missed", unknown: "Unknown", excused: "Excused", off: "Off",
};
const SIGNS = { on_time: "✓", late: "◔", missed: "✕", unknown: "?", excused: "–", off: "○" };
const DAY_MS = 86_400_000;
// Which window of a strip is chosen, by service level: it stays so when the strip is drawn anew.
const chosenOnes = new Map();

/** Return a service level's element; `acknowledge` is what its buttons do, or false for who may not. */
export function article(one, now, acknowledge) {
  const name = `${one.pipeline_name} (${one.sla_type})`;
  const title = element("h2", {}, one.pipeline_name, " ", element("span", { className: "kind" }, one.sla_type));
  const words = `${SIGNS[one.state] ?? ""} ${WORDS[one.state] ?? one.state}`;
  const state = element("span", { className: `state ${one.state}` }, words);
  const burning = one.burning_since ? [element("span", { className: "burning" }, "▲ Budget burns")] : [];
  const about = [promised(one), one.owner && `owner ${one.owner}`, one.description].filter(Boolean);
  return element(
    "article",
    { className: one.state, ariaLabel: name },
    element("div", { className: "head" }, title, state, ...burning),
    element("p", { className: "about" }, about.join(" · ")),
    strip(one),
    stale(one, now),
    figures(one, now),
    ...violations(one, now, acknowledge),
  );
}

function promised(one) {
  const terms = {
    realtime: `nothing waits longer than ${one.deadline_minutes} min`,
    hourly: `within ${one.deadline_minutes} min after the hour`,
    daily: `by ${clock(one.deadline_minutes)} (${one.time_zone})`,
  };
  return `${one.objective_percent} % ${terms[one.sla_type] ?? ""}`;
}

function clock(minutes) {
  const later = minutes >= 1_440 ? ` + ${Math.floor(minutes / 1_440)} d` : "";
  return `${String(Math.floor(minutes / 60) % 24).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}${later}`;
}

// One stop of the Tab key; the arrow keys go from window to window, and what is chosen is said below and read out.
function strip(one) {
  if (!one.windows.length) return element("p", { className: "empty" }, "No window has been judged yet.");
  const cells = one.windows.map((window) => element("span", { className: window.verdict, title: said(window) }));
  const output = element("output", {}, `${one.windows.length} windows, newest: ${said(one.windows.at(-1))}`);
  const id = `strip-${one.definition_id}`;
  const bar = element("div", { className: "strip", id, tabIndex: 0, role: "group" }, ...cells);
  bar.ariaLabel = `Last windows of ${one.pipeline_name}; the arrow keys go through them`;
  let chosen = cells.length - 1;
  const choose = (index) => {
    cells[chosen].classList.remove("chosen");
    chosen = Math.max(0, Math.min(cells.length - 1, index));
    cells[chosen].classList.add("chosen");
    chosenOnes.set(one.definition_id, one.windows[chosen].window_start);
    output.textContent = said(one.windows[chosen]);
  };
  const before = one.windows.findIndex((window) => window.window_start === chosenOnes.get(one.definition_id));
  if (before >= 0) choose(before);
  const last = cells.length - 1;
  const keys = { ArrowLeft: () => chosen - 1, ArrowRight: () => chosen + 1, Home: () => 0, End: () => last };
  bar.addEventListener("keydown", (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    choose(keys[event.key]());
  });
  cells.forEach((cell, index) => cell.addEventListener("click", () => choose(index)));
  return element("div", {}, bar, output);
}

function said(window) {
  return `${span(window)}: ${WORDS[window.verdict]?.toLowerCase() ?? window.verdict}, ${window.reason}`;
}

// What nobody judges does not stay green; here is since when, and where to look.
function stale(one, now) {
  if (one.state !== "unknown" || !one.next_due_at || new Date(one.next_due_at) > now) return "";
  const since = element("time", { dateTime: one.judged_until }, written(new Date(one.judged_until)));
  return element("p", { className: "stale" }, "Nothing is judged since ", since, ": does the DAG sla_monitor run?");
}

function span(window) {
  const [start, end] = [new Date(window.window_start), new Date(window.window_end)];
  const until = end - start < DAY_MS / 2 ? end.toLocaleTimeString([], { timeStyle: "short" }) : written(end);
  return `${written(start)} to ${until}`;
}

function written(date) {
  return date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function figures(one, now) {
  const periods = one.attainment.map((figure) => {
    const missed = figure.percent_on_time !== null && figure.percent_on_time < one.objective_percent;
    const value = element("span", { className: missed ? "bad" : "" }, share(figure.percent_on_time));
    const counted = figure.windows ? `${figure.on_time} of ${figure.windows} windows` : "";
    const late = figure.minutes_late ? `${figure.minutes_late} min late` : "";
    const label = `On time, ${figure.days} day${figure.days > 1 ? "s" : ""}`;
    return line(label, value, [counted, late].filter(Boolean).join(", "));
  });
  const left = one.attainment.at(-1)?.budget_left_percent ?? null;
  const budget = element("span", { className: left !== null && left <= 0 ? "bad" : "" }, share(left));
  return element(
    "dl",
    {},
    ...periods,
    line("Budget left, 30 days", budget, left === null ? "" : meter(left)),
    line("Next due", ...moment(one.next_due_at, now)),
    line("Last completion", ...moment(one.last_completed_at, now)),
  );
}

function meter(left) {
  const bar = element("span", { className: "filled" });
  bar.style.width = `${Math.max(0, Math.min(100, left))}%`;
  return element("span", { className: "meter", ariaHidden: "true" }, bar);
}

function share(value) {
  return value === null || value === undefined ? "–" : `${value.toLocaleString([], { maximumFractionDigits: 2 })} %`;
}

function line(label, value, more = "") {
  return element("div", {}, element("dt", {}, label), element("dd", {}, value, element("small", {}, more)));
}

function moment(at, now) {
  if (!at) return ["–"];
  const date = new Date(at);
  const time = element("time", { dateTime: at, title: `${date.toISOString().slice(0, 19)}Z` }, distance(date - now));
  return [time, written(date)];
}

function distance(milliseconds) {
  const units = [["day", DAY_MS], ["hour", 3_600_000], ["minute", 60_000]];
  const [unit, size] = units.find(([, length]) => Math.abs(milliseconds) >= length) ?? ["second", 1_000];
  return new Intl.RelativeTimeFormat([], { numeric: "auto" }).format(Math.round(milliseconds / size), unit);
}

function violations(one, now, acknowledge) {
  if (!one.open_violations) return [];
  const all = element("button", { type: "button" }, `Acknowledge all ${one.unacknowledged}`);
  all.id = `all-${one.definition_id}`;
  const selection = { pipeline_name: one.pipeline_name, sla_type: one.sla_type };
  all.addEventListener("click", () => acknowledge(selection, all));
  const others = one.open_violations - one.violations.length;
  return [
    element("div", { className: "open" },
      element("h3", {}, `${one.open_violations} open violation${one.open_violations > 1 ? "s" : ""}`),
      acknowledge && one.unacknowledged > 1 ? all : ""),
    element("ul", { className: "violations" },
      ...one.violations.map((missed) => violation(one, missed, now, acknowledge)),
      others > 0 ? element("li", {}, `and ${others} more`) : ""),
  ];
}

function violation(one, missed, now, acknowledge) {
  const [due, date] = moment(missed.due_at, now);
  const text = element("span", {}, "Due ", due, ` (${date}): ${missed.cause}`);
  if (missed.acknowledged_at) {
    return element("li", {}, text, element("small", {}, `seen by ${missed.acknowledged_by}`));
  }
  if (!acknowledge) return element("li", {}, text);
  const button = element("button", { type: "button" }, "Acknowledge");
  button.id = `one-${one.definition_id}-${missed.window_start}`;
  button.ariaLabel = `Acknowledge ${one.pipeline_name}, due ${date}`;
  const selection = { pipeline_name: one.pipeline_name, sla_type: one.sla_type, window_start: missed.window_start };
  button.addEventListener("click", () => acknowledge(selection, button));
  return element("li", {}, text, button);
}

/** Return an element with properties and children; texts among these stay texts. */
export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
