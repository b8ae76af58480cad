// Elements, texts and states that all pages share. Children are text or nodes, never HTML.

const SVG = "http://www.w3.org/2000/svg";

/** `h("p.dim", { id: "a" }, "text", node)`; null and false are left out. The properties may be absent. */
export function h(tag, ...children) {
  const [name, ...classes] = tag.split(".");
  const props = children[0]?.constructor === Object ? children.shift() : {};
  const element = fill(document.createElement(name), props, children);
  if (classes.length) element.classList.add(...classes);
  return element;
}

export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

function fill(element, props, children) {
  put(element, children);
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  return element;
}

export const p = (...children) => h("p", ...children);
export const b = (...children) => h("b", ...children);
export const row = (...children) => h("p.row", ...children);
export const dim = (...children) => h("p.dim", ...children);
/** A second line of a cell, and one that only a phone shows. */
export const sub = (...children) => h("div.dim", ...children);
export const narrow = (...children) => h("div.narrow.dim", ...children);
/** Text that somebody wrote: its direction is its own. */
export const said = (text) => h("bdi", text);
export const code = (text) => h("code", { dir: "auto" }, text);
export const button = (label, onclick, kind, name) =>
  h("button", { type: "button", onclick, class: kind, "aria-label": name }, label);
export const input = (props) => h("input", { autocomplete: "off", spellcheck: "false", ...props });
export const form = (send, ...children) =>
  h("form", { onsubmit: (event) => (event.preventDefault(), send()) }, ...children);
export const link = (label, ...parts) => h("a", { href: `#/${parts.map(encodeURIComponent).join("/")}` }, label);
export const versionLink = (version) => link(`version ${version}`, "publications", String(version));
export const publisher = (entry) => said(entry.published_by ?? "nobody");
/** What somebody wrote after a sentence. */
export const reason = (text) => (text ? [": ", said(text)] : ".");
export const list = (nodes) => nodes.map((node, i) => [i > 0 && ", ", node]);
export const chip = (text, kind = "") => h("span.chip", { class: kind }, text);
export const note = (kind, ...children) => h("div.note", { class: kind }, ...children);
export const part = (title, ...children) => h("section", h("h2", title), ...children);
export const field = (label, control, hint) =>
  h("label.field", h("span", label), control, hint && h("small", hint));
export const pre = (label, text) => h("pre", { tabindex: 0, "aria-label": label }, text);
export const publishCommand = (kind) => command(`python -m realtime publish ${kind}s.yaml`);
export const fold = (title, ...children) => h("details", h("summary", title), ...children);

const format = (options) => {
  const { format: write } = new Intl.NumberFormat("en", options);
  return (value) => (value == null ? "–" : write(value).replace("-", "−"));
};
export const count = format({ maximumFractionDigits: 2 });
/** For numbers that may be very small or large. */
export const short = format({ maximumSignificantDigits: 4 });
const digits = format({ maximumSignificantDigits: 3 });
export const percent = (share) => `${digits(100 * share)}\u00a0%`;
export const capital = (word) => word[0].toUpperCase() + word.slice(1);
export const plural = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;

const UNITS = [[31_536_000, "y"], [2_592_000, "mo"], [86_400, "d"], [3_600, "h"], [60, "min"]];
export function since(iso) {
  const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000);
  const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [];
  return size ? `${Math.floor(seconds / size)} ${unit} ago` : "just now";
}
export const exact = (iso) => iso.replace("T", " ").replace(/(:\d\d)(\.\d+)?(Z|\+00:00)$/, "$1 UTC");
export const ago = (iso) => (iso ? h("time", { datetime: iso }, since(iso)) : "–");
export const when = (iso) => (iso ? h("time", { datetime: iso }, `${exact(iso)}, ${since(iso)}`) : "–");

/** A column that begins with ~ is not for phones. A row's first cell names it. */
export function table(caption, columns, rows) {
  const cell = (tag, scope, i, ...content) =>
    h(tag, { scope, class: columns[i][0] === "~" && "wide" }, ...content);
  return h("div.scroll", { tabindex: 0, role: "region", "aria-label": caption }, h("table",
    h("caption.hidden", caption),
    h("thead", h("tr", columns.map((name, i) => cell("th", "col", i, name.replace("~", ""))))),
    h("tbody", rows.map((cells) =>
      h("tr", cells.map((content, i) => (i ? cell("td", null, i, content) : cell("th", "row", i, content))))))));
}

/** A list nested by each line's level. */
export function outline(lines) {
  const root = h("ul.words");
  const open = [root];
  for (const { level, text } of lines) {
    while (open.length > level + 1) open.pop();
    while (open.length < level + 1) {
      const inner = h("ul");
      (open.at(-1).lastElementChild ?? open.at(-1)).append(inner);
      open.push(inner);
    }
    open.at(-1).append(h("li", { dir: "auto" }, text));
  }
  return root;
}

/** Each variant's part of all, as a bar; a text says the same beside it. */
export const bar = (shares) => h("span.bar", { "aria-hidden": "true" }, shares.map((share, i) => {
  const piece = h("span", { class: series(i) });
  piece.style.width = `${100 * share}%`;
  return piece;
}));
/** The colour and dashes of the variant with this number. */
export const series = (i) => `series${i % 5}`;

/** In place of what `element` had. */
export const put = (element, ...nodes) => element.replaceChildren(...nodes.flat(Infinity).filter((node) => node || node === 0));

export const notice = h("div.notice", { role: "status" });
export const say = (...nodes) => put(notice, nodes);

/** The last good answer of each block, for the time when the API does not answer. */
const seen = new Map();
export const forget = () => seen.clear();

/** A part of a page that loads itself, says what is wrong, and keeps what it had. */
export function block(name, load, render, { every = 0 } = {}) {
  const state = h("div");
  const body = h("div");
  const element = h("div.block", state, body);
  const memory = `${location.hash} ${name}`;
  let shown;
  let run = 0;
  const show = (data, isPoll) => {
    const text = JSON.stringify(data);
    if (text === shown || (isPoll && body.contains(document.activeElement))) return;
    const open = [...body.querySelectorAll("details")].map((details) => details.open);
    put(body, render(data));
    body.querySelectorAll("details").forEach((details, i) => (details.open = open[i] ?? details.open));
    shown = text;
  };
  async function reload(isPoll = false) {
    const mine = ++run;
    element.dataset.busy = "";
    const slow = setTimeout(() => put(state, h("p.dim", { role: "status" }, `Loading ${name}…`)), 300);
    try {
      const data = await load();
      if (mine !== run) return;
      show(data, isPoll);
      seen.set(memory, { data, at: new Date() });
      put(state);
    } catch (error) {
      if (mine !== run) return;
      if (!error.code) reportError(error);
      const old = seen.get(memory);
      if (old) show(old.data);
      put(state, failure(error, () => reload(), old?.at));
    } finally {
      clearTimeout(slow);
      if (mine === run) delete element.dataset.busy;
      if (every && mine === run) setTimeout(again, every * 1000);
    }
  }
  const again = () => element.isConnected && (document.hidden ? setTimeout(again, every * 1000) : reload(true));
  reload();
  return element;
}

export const failure = (error, retry, at) => note("bad", h("div", { role: "alert" },
  p(b(error.message)),
  problemItems(error.details),
  at && p(`What you see is as of ${at.toLocaleTimeString("en-GB")}.`)),
row(retry && button("Try again", retry),
  (error.status === 401 || error.status === 403) && link("Sign in with another key", "sign-in")));

/** Which field is wrong, and why. */
export const problemItems = (problems = []) => problems.length > 0 && h("ul", problems.map(({ field, path, message }) =>
  h("li", code(field ?? path ?? ""), " ", said(message))));

/** What to type, with a button that copies it. */
export function command(text) {
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
  });
  return h("p.command", h("code", text), navigator.clipboard && copy);
}
