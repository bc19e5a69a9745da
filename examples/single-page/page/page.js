// The tokens are in cookies that no script can read: this page sends them and never sees them.
"use strict";

const api = document.querySelector("meta[name=api]").content;
const element = (id) => document.getElementById(id);

// --- Requests ---

/** The CSRF token of the session, from a cookie that scripts can read. Without TLS its name lacks the
 *  prefix; a page on another host does not see it, and goes without. */
function csrfToken() {
  const cookies = document.cookie.split("; ");
  const named = (name) => cookies.find((cookie) => cookie.startsWith(name + "="));
  const cookie = named("__Host-csrf") ?? named("csrf");
  return cookie?.slice(cookie.indexOf("=") + 1);
}

/** One request, with the cookies, also to an API of another origin. */
function send(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const token = csrfToken();
  if (token && method !== "GET") headers["X-CSRF-Token"] = token;
  return fetch(api + path, { method, headers, credentials: "include", body: JSON.stringify(body) });
}

/** A new pair of tokens. Calls that need one at the same time share one request: a refresh token
 *  works once. */
let refreshing = null;
/** How many there were: a call that is refused after another has refreshed needs none of its own. */
let refreshes = 0;
function refresh() {
  const refreshed = (answer) => {
    if (answer.ok) refreshes += 1;
    return answer;
  };
  refreshing ??= send("POST", "/refresh").then(refreshed).finally(() => (refreshing = null));
  return refreshing;
}

/** A request of a user who is signed in. When the access token has expired it is refreshed, once,
 *  and the request is sent again. */
async function call(method, path, body) {
  const before = refreshes;
  let answer = await send(method, path, body);
  if (answer.status === 401) {
    if (before === refreshes) answer = await refresh();
    if (before !== refreshes) answer = await send(method, path, body);
  }
  if (answer.status === 401) throw new SignedOut("Your session has ended. Please sign in again.");
  return content(answer);
}

class SignedOut extends Error {}

/** The JSON of an answer. A refusal is a problem document, whose `detail` is a sentence. */
async function content(answer) {
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(json.detail ?? `The service answered with ${answer.status}.`);
  return json;
}

// --- What is shown ---

function showSignIn(message = "") {
  localStorage.removeItem("signed-in");
  element("signed-in").hidden = true;
  element("user").textContent = "";
  element("notes").replaceChildren();
  element("sign-in-form").hidden = false;
  showError(message);
}

function showUser(user) {
  // Not a secret, only a hint: without it the page would ask the service, in vain, who is there.
  localStorage.setItem("signed-in", "yes");
  element("sign-in-form").hidden = true;
  element("signed-in").hidden = false;
  element("user").textContent = user.name;
  element("clear").hidden = !user.roles.includes("admin");
}

/** As text, never as HTML. */
function showNotes(notes) {
  const items = notes.map((note) => {
    const item = document.createElement("li");
    const author = document.createElement("small");
    author.textContent = ` ${note.author}`;
    item.append(note.text, author);
    return item;
  });
  element("notes").replaceChildren(...items);
  element("no-notes").hidden = notes.length > 0;
}

function showError(message) {
  element("error").textContent = message;
  element("error").hidden = !message;
}

// --- What the user does ---

/** Runs a step; what goes wrong is said on the page. */
async function attempt(step) {
  showError("");
  try {
    await step();
  } catch (error) {
    if (error instanceof SignedOut) showSignIn(error.message);
    else showError(error instanceof TypeError ? "The service cannot be reached." : error.message);
  }
}

async function load() {
  const [user, notes] = await Promise.all([call("GET", "/api/me"), call("GET", "/api/notes")]);
  showUser(user);
  showNotes(notes);
}

async function signIn() {
  const [username, password] = [element("identifier").value, element("password").value];
  element("password").value = "";
  await content(await send("POST", "/login", { username, password }));
  await load();
}

async function signOut() {
  await content(await send("POST", "/logout"));
  showSignIn();
}

async function add() {
  showNotes(await call("POST", "/api/notes", { text: element("note").value }));
  element("note").value = "";
}

async function clear() {
  showNotes(await call("DELETE", "/api/admin/notes"));
}

function start() {
  if (localStorage.getItem("signed-in")) attempt(load);
  else showSignIn();
}

const submitted = (step) => (event) => {
  event.preventDefault();
  attempt(step);
};
element("sign-in-form").addEventListener("submit", submitted(signIn));
element("add-form").addEventListener("submit", submitted(add));
element("sign-out").addEventListener("click", () => attempt(signOut));
element("clear").addEventListener("click", () => attempt(clear));
// Signed in or out in another tab.
addEventListener("storage", (event) => event.key === "signed-in" && start());
// Shown again from memory by the back button.
addEventListener("pageshow", (event) => event.persisted && start());
start();
