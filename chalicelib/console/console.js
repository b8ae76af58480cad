// The frame around all pages: sign-in, navigation, and which page an address shows.

import { actions, proposal, proposals, publication, publications } from "./activity.js";
import { ApiError, send, session } from "./api.js";
import { page } from "./change.js";
import { b, button, capital, chip, failure, field, forget, form, h, input, notice, p, put, row, said, say } from "./dom.js";
import { experiment } from "./experiment.js";
import { flag, segment } from "./flag.js";
import { definitions } from "./lists.js";
import { keys, status, webhooks } from "./system.js";

const ROUTES = {
  flags: [flag, definitions("flag")],
  experiments: [experiment, definitions("experiment")],
  segments: [segment, definitions("segment")],
  proposals: [proposal, proposals],
  publications: [publication, publications],
  status: [, status],
  keys: [, keys],
  webhooks: [, webhooks],
  audit: [, actions],
};
const heading = h("h1", { tabindex: "-1" });
const marks = h("div.chips");
const tools = h("div.row");
const content = h("div");
const header = h("header");
const main = h("main", h("div.title", heading, marks, tools), notice, content);
document.body.replaceChildren(
  button("Skip to the content", () => heading.focus(), "skip"), header, main);

function readAddress() {
  const [address, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = address.split("/");
  let key = rest.join("/");
  try {
    key = decodeURIComponent(key);
  } catch {
    // typed by hand
  }
  return { name: name || "flags", key, query: new URLSearchParams(query) };
}

function show() {
  const { name, key, query } = readAddress();
  if (name === "sign-in" || !session.me) return signIn();
  const [one, all] = Object.hasOwn(ROUTES, name) ? ROUTES[name] : [];
  const { title, content: build } = one && key ? one(key) : (all ?? unknown)(query);
  frame(name, title);
  put(content, build(head));
  heading.focus();
}

const unknown = () => ({ title: "There is no such page", content: () => p(h("a", { href: "#/flags" }, "Look at the flags")) });

/** Beside the title, which stays in view. */
function head(chips, buttons) {
  put(marks, chips);
  put(tools, buttons);
}

function frame(current, title) {
  const { me } = session;
  document.title = `${title} · ${me?.environment ?? "realtime"}`;
  put(heading, said(title));
  head();
  put(header, b("realtime"), me && [
    chip(me.environment, me.environment === "prod" ? "bad" : ""),
    h("nav", { "aria-label": "Pages" }, Object.keys(ROUTES).map((each) => h("a", {
      href: `#/${each}`, "aria-current": each === current && "page",
    }, capital(each)))),
    h("span.who", said(me.identity.label || me.identity.id), " ", button("Sign out", signOut)),
  ]);
}

function signOut() {
  session.leave();
  forget();
  say();
  location.hash = "#/flags";
  show();
}

const enter = async (key) => session.enter(key, (await send("GET", "admin", { key })).body);

function signIn(problem) {
  session.me = null;
  frame("", "Sign in");
  const text = input({ type: "password", "aria-describedby": "wrong" });
  const submit = h("button.primary", "Sign in");
  const wrong = h("div", { id: "wrong" }, problem);
  async function run() {
    const key = text.value.trim();
    submit.disabled = true;
    try {
      findMistake(key);
      await enter(key);
      say();
      if (location.hash === "#/sign-in") location.hash = "#/flags";
      else show();
    } catch (error) {
      put(wrong, explain(error));
      text.setAttribute("aria-invalid", "true");
      text.focus();
    }
    submit.disabled = false;
  }
  put(content, form(run,
    field("API key", text, "With the scope view to look, or admin to change. It stays in this tab until you close it."),
    wrong, row(submit)));
  heading.focus();
}

const RULES = [
  [/./, "Paste a key."],
  [/^\S*$/, "There is a blank in it: paste one key and nothing else."],
  [/^rt_/, "A key begins with rt_."],
  [/^[\w-]+$/, "A key has only letters, digits, _ and -."],
];
function findMistake(key) {
  const broken = RULES.find(([rule]) => !rule.test(key));
  if (broken) throw new ApiError(400, "key", broken[1]);
}

function explain(error) {
  if (!error.code) reportError(error);
  const isRefused = error.status === 401 || (error.status === 403 && error.code !== "missing_scope");
  return failure(isRefused ? { message: "This key is not accepted here. It may be for another environment, revoked, "
    + "expired, or without the scope view." } : error);
}

async function start() {
  const isFirst = sessionStorage.getItem("key") === null;
  const key = session.key || (isFirst && document.querySelector("meta[name=demo-key]").content);
  if (!key) return signIn();
  try {
    await enter(key);
    show();
  } catch (error) {
    signIn(error.status ? explain(error) : failure(error, start));
  }
}

page.reload = show;
addEventListener("hashchange", () => {
  document.querySelector("dialog")?.close();
  say();
  show();
});
start();
