// The board: asks for the data, shows what came, and says what did not.
import { WORDS, article, element } from "./definition.js";

const EVERY_MS = 30_000;
const PATIENCE_MS = 20_000;
const ORDER = ["missed", "unknown", "late", "on_time", "excused", "off"];

const board = document.getElementById("board");
const problem = document.getElementById("problem");
const summary = document.getElementById("summary");
const updated = document.getElementById("updated");
const refresh = document.getElementById("refresh");
let asking = false;

function follow() {
  // Airflow's UI keeps its choice under this name; "system", or none, is the browser's.
  let choice = null;
  try {
    choice = localStorage.getItem("theme");
  } catch {
    // A browser that keeps nothing has its own preference.
  }
  document.documentElement.dataset.theme = choice === "dark" || choice === "light" ? choice : "";
}

async function answer(path, options) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => {
    throw new Error("Airflow did not answer.");
  });
  if (response.status === 401) throw new Error("You are not logged in any more: reload the page.");
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(typeof body.detail === "string" ? body.detail : `Airflow answered ${response.status}.`);
  }
  return body;
}

function complain(error) {
  problem.replaceChildren(element("strong", {}, error.message));
  if (updated.dataset.at) problem.append(" What is shown may be out of date.");
  problem.hidden = false;
}

async function load() {
  if (asking) return;
  asking = true;
  refresh.disabled = true;
  board.setAttribute("aria-busy", "true");
  try {
    show(await answer("data"));
    problem.hidden = true;
  } catch (error) {
    complain(error);
    board.querySelector(".waiting")?.remove();
  } finally {
    asking = false;
    refresh.disabled = false;
    board.setAttribute("aria-busy", "false");
  }
}

function show(data) {
  const focused = document.activeElement?.id;
  const at = new Date(data.now);
  updated.dataset.at = data.now;
  updated.textContent = `As of ${at.toLocaleTimeString()}`;
  summary.textContent = told(data.definitions);
  const ranked = data.definitions.toSorted((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
  const shown = ranked.map((one) => article(one, at, data.may_acknowledge && acknowledge));
  board.replaceChildren(...(shown.length ? shown : [nothing()]));
  // What had the focus has it again, also where it was drawn anew.
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function told(definitions) {
  const counts = ORDER.map((state) => [definitions.filter((one) => one.state === state).length, WORDS[state]]);
  return counts.filter(([count]) => count).map(([count, word]) => `${count} ${word.toLowerCase()}`).join(" · ");
}

function nothing() {
  const sql = [
    "insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes)",
    "values ('my_pipeline', 'hourly', 5);",
  ];
  const table = element("code", {}, "cali.sla_definitions");
  const hint = element("p", {}, "Nothing is promised. A row of ", table, " promises something:");
  return element("div", { className: "waiting" }, hint, element("pre", {}, sql.join("\n")));
}

async function acknowledge(selection, button) {
  button.disabled = true;
  try {
    await answer("acknowledge", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(selection),
    });
    await load();
    problem.hidden = true;
  } catch (error) {
    complain(error);
    button.disabled = false;
  }
}

follow();
addEventListener("storage", follow);
refresh.addEventListener("click", load);
document.addEventListener("visibilitychange", () => document.hidden || load());
setInterval(() => document.hidden || load(), EVERY_MS);
load();
