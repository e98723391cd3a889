// Signing in, the gates that wait, and the newest jobs.
"use strict";

const SECRET_KEY = "stagelog.session_secret";
const element = (id) => document.getElementById(id);

// A text of the journal stays a text: nothing is ever parsed as HTML.
function make(name, text, className) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function showProblem(text) {
  element("problem").textContent = text;
  element("problem").hidden = !text;
}

class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `the daemon answers ${status}`);
    this.status = status;
    this.code = problem.code;
  }
}

async function ask(method, path, body) {
  const headers = { "X-Stagelog-Session": localStorage.getItem(SECRET_KEY) ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(`api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  let document = {};
  try {
    document = text ? JSON.parse(text) : {};
  } catch {
    // Something between here and the daemon has answered.
  }
  if (!answer.ok) throw new Refused(answer.status, document);
  return document;
}

// The session is over, or this browser has lost what goes with it.
const isSignedOut = (problem) => problem.status === 401 || problem.code === "invalid_session_secret";

let stream = null;

function showSignIn(text = "") {
  stream?.close();
  stream = null;
  element("sign-in").hidden = false;
  element("signed-in").hidden = element("sign-out").hidden = true;
  element("who").textContent = "";
  showProblem(text);
}

async function signIn(body) {
  const session = await ask("POST", "session", body);
  localStorage.setItem(SECRET_KEY, session.session_secret);
  element("token").value = "";
  await showPage();
}

// What a field of the gate is answered with; undefined: nothing.
function answerOf(input, type) {
  if (type === "boolean") return isChosen(input) ? input.value === "true" : undefined;
  if (type === "choice") return isChosen(input) ? input.value : undefined;
  if (input.value.trim() === "") return undefined;
  return type === "number" ? Number(input.value) : input.value;
}

// The first line stands for no answer; any text may be an option.
function select(options, isRequired) {
  const input = make("select");
  input.append(new Option(isRequired ? "choose" : "", ""));
  for (const [value, text] of options) input.append(new Option(text, value));
  return input;
}

const isChosen = (input) => input.selectedIndex > 0;

function inputFor(field) {
  if (field.type === "choice") return select(field.options.map((word) => [word, word]), field.required);
  if (field.type === "boolean") return select([["true", "yes"], ["false", "no"]], field.required);
  const input = make("input");
  input.type = field.type === "number" ? "number" : "text";
  if (field.type === "number") input.step = "any"; // the daemon judges the bounds
  return input;
}

function labeled(text, input) {
  const label = make("label", text);
  label.append(input);
  return label;
}

function gateDetails(gate) {
  const facts = [`since ${new Date(gate.opened_at).toLocaleString()}`];
  if (gate.required) facts.push(`${gate.approvals.length} of ${gate.required} approvals`);
  if (gate.approvals?.length) facts.push(`approved by ${gate.approvals.map((each) => each.by).join(", ")}`);
  if (gate.approvers) facts.push(`for ${gate.approvers.join(", ")}`);
  if (gate.opened_by) facts.push(`not by ${gate.opened_by}`);
  if (gate.expires_at) facts.push(`${gate.on_timeout}s by itself at ${new Date(gate.expires_at).toLocaleString()}`);
  if (gate.choice) facts.push(`choice ${gate.choice}`);
  if (gate.answers) facts.push(Object.entries(gate.answers).map(([name, value]) => `${name} = ${value}`).join(", "));
  return facts.join(" · ");
}

function gateCard(gate, mayDecide) {
  const card = make("form", undefined, "gate");
  const title = make("p");
  title.append(make("strong", gate.gate), ` of ${gate.job_id}`);
  card.append(title);
  if (gate.prompt) card.append(make("p", gate.prompt));
  card.append(make("p", gateDetails(gate), "dim"));
  if (!mayDecide) return card;
  const isFirst = !gate.approvals?.length;
  const fields = isFirst ? (gate.fields ?? []) : []; // later approvals are of what the first one said
  const inputs = fields.map((field) => [field, inputFor(field)]);
  const choice = isFirst && gate.options ? select(gate.options.map((word) => [word, word]), true) : null;
  const row = make("div", undefined, "fields");
  if (choice) row.append(labeled("choice (required)", choice));
  for (const [field, input] of inputs) {
    row.append(labeled((field.label ?? field.name) + (field.required ? " (required)" : ""), input));
  }
  if (row.childElementCount) card.append(row);
  const comment = make("input");
  const approve = make("button", "Approve", "approve");
  const reject = make("button", "Reject", "reject");
  approve.type = reject.type = "button"; // Enter in a field decides nothing
  const said = make("p", undefined, "problem");
  said.setAttribute("role", "alert");
  const actions = make("div", undefined, "actions");
  actions.append(labeled("comment", comment), approve, reject);
  card.append(actions, said);
  const decide = async (command) => {
    const body = {};
    if (comment.value.trim()) body.comment = comment.value;
    if (choice && isChosen(choice) && command === "approve") body.choice = choice.value;
    const answers = {};
    for (const [field, input] of inputs) {
      const answer = command === "approve" ? answerOf(input, field.type) : undefined;
      if (answer !== undefined) answers[field.name] = answer;
    }
    if (Object.keys(answers).length) body.answers = answers;
    approve.disabled = reject.disabled = true;
    try {
      const path = `jobs/${encodeURIComponent(gate.job_id)}/gates/${encodeURIComponent(gate.gate)}/${command}`;
      await ask("POST", path, body);
      cards.delete(gate.opened_seq);
      card.remove();
      await refresh();
    } catch (problem) {
      said.textContent = problem.message;
      approve.disabled = reject.disabled = false;
      if (isSignedOut(problem)) showSignIn(problem.message);
    }
  };
  card.addEventListener("submit", (event) => event.preventDefault());
  approve.addEventListener("click", () => void decide("approve"));
  reject.addEventListener("click", () => void decide("reject"));
  return card;
}

function jobRow(job) {
  const row = make("tr");
  const percent = job.progress?.percent;
  row.append(
    make("td", job.job_id),
    make("td", job.status, job.status),
    make("td", percent === undefined ? "" : `${Math.round(percent)} %`),
    make("td", new Date(job.updated_at).toLocaleString(), "dim"),
  );
  return row;
}

let roles = [];

const cards = new Map(); // by opened_seq: the card, and what it shows

// A form that somebody is filling in is left as it is.
function isBusy(card) {
  const isTyping = card.contains(document.activeElement) && document.activeElement.tagName !== "BUTTON";
  return isTyping || [...card.querySelectorAll("input, select")].some((input) => input.value !== "");
}

function showGates(gates) {
  const mayDecide = roles.includes("approver") || roles.includes("admin");
  const wanted = new Set(gates.map((gate) => gate.opened_seq));
  for (const [seq, { card }] of cards) {
    if (wanted.has(seq)) continue;
    card.remove();
    cards.delete(seq);
  }
  for (const gate of gates) {
    const shows = JSON.stringify([gate, mayDecide]);
    const known = cards.get(gate.opened_seq);
    if (known && (known.shows === shows || isBusy(known.card))) continue;
    const card = gateCard(gate, mayDecide);
    if (known) known.card.replaceWith(card);
    else element("gates").append(card);
    cards.set(gate.opened_seq, { card, shows });
  }
}

async function refresh() {
  const [gates, jobs] = await Promise.all([ask("GET", "gates?status=pending&limit=200"), ask("GET", "jobs?limit=20")]);
  showGates(gates.gates);
  element("no-gates").hidden = gates.gates.length > 0;
  element("more-gates").hidden = !gates.has_more;
  document.querySelector("#jobs tbody").replaceChildren(...jobs.jobs.map(jobRow));
  element("jobs").hidden = jobs.jobs.length === 0;
  element("no-jobs").hidden = jobs.jobs.length > 0;
}

let isRefreshing = false;
let isStale = false;

// Many events are one refresh, and one more after the last.
async function refreshSoon() {
  isStale = true;
  if (isRefreshing) return;
  isRefreshing = true;
  try {
    while (isStale) {
      isStale = false;
      await refresh();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    showProblem("");
  } catch (problem) {
    if (isSignedOut(problem)) return showSignIn(problem.message);
    showProblem(`${problem.message}; trying again`);
    setTimeout(() => stream && void refreshSoon(), 5000);
  } finally {
    isRefreshing = false;
  }
}

function follow() {
  stream?.close();
  stream = new EventSource("api/v1/events/stream");
  stream.addEventListener("connected", () => void refreshSoon()); // what was missed while it was away
  stream.onmessage = () => void refreshSoon();
  // A refusal ends an EventSource for good: the session is over, or something else is wrong.
  stream.onerror = () => {
    if (stream?.readyState === EventSource.CLOSED) void refreshSoon();
  };
}

async function showPage() {
  const session = await ask("GET", "session");
  roles = session.roles;
  element("who").textContent = `${session.name} (${roles.join(", ")})`;
  element("sign-in").hidden = true;
  element("signed-in").hidden = element("sign-out").hidden = false;
  showProblem("");
  cards.clear();
  element("gates").replaceChildren();
  await refresh();
  follow();
}

element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn({ token: element("token").value }).catch((problem) => showSignIn(problem.message));
});

element("sign-out").addEventListener("click", () => {
  const leave = () => {
    localStorage.removeItem(SECRET_KEY);
    showSignIn();
  };
  ask("DELETE", "session").then(leave, (problem) => (isSignedOut(problem) ? leave() : showProblem(problem.message)));
});

async function begin() {
  const link = new URLSearchParams(location.hash.slice(1)).get("link");
  if (link) {
    history.replaceState(null, "", location.pathname); // it is used up, and nobody's business
    try {
      return await signIn({ link });
    } catch (problem) {
      // Used already, by this very browser perhaps.
      if (localStorage.getItem(SECRET_KEY) === null) throw problem;
      return showPage().catch(() => showSignIn(problem.message));
    }
  }
  if (localStorage.getItem(SECRET_KEY) === null) return showSignIn();
  return showPage();
}

const beginAgain = () => begin().catch((problem) => showSignIn(["missing_token", "invalid_session"].includes(problem.code) ? "" : problem.message));
window.addEventListener("hashchange", () => void beginAgain());
void beginAgain();
