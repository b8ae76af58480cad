// One flag, one segment, and who gets what.

import { ApiError, get, parseExactly, path, post, send } from "./api.js";
import {
  IN_FORCE, ask, changeChip, changeList, changer, differenceList, edit, editor, onlyLooks, problemList, publish, review, waits,
} from "./change.js";
import {
  b, block, button, chip, code, count, dim, failure, field, fold, form, h, input, link, list, note,
  outline, p, part, pre, publishCommand, publisher, put, reason, row, said, versionLink, when,
} from "./dom.js";
import { chips } from "./lists.js";

/** With the definition as it was written: its numbers go back as they came. */
async function read(kind, key) {
  const url = path("definitions", kind, key);
  const [{ text, body, etag }, { versions }] = await Promise.all([send("GET", url), get(`${url}/history`)]);
  const set = Number(etag?.match(/\d+/)?.[0]) || null;
  return { item: { ...body, definition: parseExactly(text).definition, set }, history: versions };
}

const none = () => [];

/** A page of a definition: what all have, around what its kind has. */
export const definitionPage = (kind, key, parts, { form: ask = none, buttons = none, urgent = none }) => ({
  title: key,
  content: (head) => block(`this ${kind}`, () => read(kind, key), ({ item, history }) => {
    head(chips(item), changer(urgent(item)));
    return [
      about(item),
      banners(item),
      item.is_valid && [
        parts(item),
        part("Change", onlyLooks(), editor(ask(item), row(buttons(item), editButtons(item)))),
      ],
      references(item),
      part("History", historyList(history)),
      item.definition && fold("The definition as JSON", pre("Definition", JSON.stringify(item.definition, null, 2))),
    ];
  }),
});

export const flag = (key) => definitionPage("flag", key, (item) => [
  part("Rules", outline(item.words)),
  part("Who gets what", tester("flag", key)),
], { form: rolloutForm, buttons: onOff, urgent: killButton });

export const segment = (key) => definitionPage("segment", key, (item) => part("Who is in", outline(item.words)), {});

const about = (item) => h("div.about", null,
  item.name && p(said(item.name)),
  item.description && dim(said(item.description)),
  dim(item.owner ? ["Owner ", said(item.owner), ". "] : "No owner. ",
    versionLink(item.version), ", published ", when(item.published_at),
    ", by ", publisher(item), "."));

const banners = (item) => [
  item.is_killed && note("bad", p(b("Killed"), item.killed && [" ", when(item.killed.at), ", by ",
    said(item.killed.by), reason(item.killed.reason)])),
  !item.is_valid && [problemList("This row is not a valid definition, so it does not decide", item.problems, "bad"),
    p("Publish it again from its file:"), publishCommand(item.kind),
    pre("The row as it is stored", item.text)],
  item.proposals?.filter(({ state }) => state === "open").map((proposal) => note("info",
    p(link("A proposal", "proposals", proposal.id), " by ", said(proposal.proposed_by), " waits for approval",
      reason(proposal.reason)))),
];

const killButton = (item) => {
  if (item.is_killed) return button("Undo the kill", () => undoKill(item), "primary");
  return item.is_valid && item.status === "active" && button("Kill", () => kill(item), "danger");
};

/** Nothing may stop a kill: what it changes is shown beside the button, which does not wait for it. */
const kill = (item) => ask({
  title: `Kill ${item.key}?`, label: "Kill it now", danger: true,
  body: [p("It is turned off for everybody within 10 seconds. You can undo it."), effect(item, false)],
  async act({ reason }) {
    const { version, answer, warning } = await post(path("flags", item.key, "kill"), { reason });
    return p(version ? ["Killed, ", versionLink(version)] : "It was off already", ". Everybody gets ",
      answer.variant == null ? "the caller's own default" : [code(answer.variant), ", ", code(JSON.stringify(answer.value))],
      IN_FORCE, warning);
  },
});

const undoKill = (item) => ask({
  title: `Turn ${item.key} on again?`, label: "Undo the kill",
  body: [p("It is as it was before the kill. What else was published since stays."), effect(item, true)],
  act: ({ reason }) => publish(path("flags", item.key, "undo-kill"), { reason }),
});

const effect = (item, enabled) => block("what would change", () => post("admin/diff", {
  definitions: { flags: [{ ...item.definition, enabled }] }, remove: [],
}), (diff) => [enabled && waits(diff), changeList(diff.changes)]);

export const propose = (item, title, fields) => review({
  title, version: item.set, definitions: { [`${item.kind}s`]: [{ ...item.definition, ...fields }] },
});

function rolloutForm(item) {
  if (item.rollout == null) return dim("Its rollout is in its own rules: edit the definition.");
  const props = { min: 0, max: 100, value: String(item.rollout) };
  const slider = input({ type: "range", step: 1, "aria-label": "Rollout in percent, by slider", ...props,
    oninput: () => set(slider.value) });
  const number = input({ type: "number", step: "any", required: true, ...props, oninput: () => set(number.value) });
  const text = h("p", { role: "status" });
  const submit = h("button.primary", "Review the change");
  function set(value) {
    if (value !== slider.value) slider.value = value;
    if (value !== number.value) number.value = value;
    const isSame = value === "" || Number(value) === item.rollout;
    submit.disabled = isSame;
    text.textContent = isSame ? `${count(item.rollout)} % of the users are inside.`
      : `${count(item.rollout)} % → ${count(Number(value))} %`;
  }
  set(String(item.rollout));
  const send = () => propose(item, `Change the rollout of ${item.key}`, { rollout_percentage: Number(number.value) });
  return form(send, field("Rollout in percent", number), slider, text, row(submit));
}

function onOff(item) {
  const enabled = item.definition.enabled === false;
  const label = enabled ? "Enable" : "Disable";
  return !item.is_killed && button(label, () => propose(item, `${label} ${item.key}`, { enabled }));
}

const editButtons = (item) => [
  button("Edit the definition", () => edit(`Edit ${item.key}`, item.kind, item.definition, item.set)),
  button("Remove", () => review({
    title: `Remove ${item.key}`, remove: [{ kind: item.kind, key: item.key }], version: item.set,
  })),
];

const references = ({ uses = [], used_by = [] }) => uses.length + used_by.length > 0 && part("Uses",
  [["Uses", uses], ["Is used by", used_by]].map(([word, all]) => all.length > 0 && p(word, " ",
    list(all.map(({ kind, key }) => [`${kind} `, link(key, `${kind}s`, key)])))));

const historyList = (versions) => h("ol.history", versions.map((each) => h("li",
  p(changeChip(each.change), " ", versionLink(each.version), ", ", when(each.published_at), ", by ",
    publisher(each), reason(each.note)),
  differenceList(each.differences))));

/** The answer for a user and a context, and the steps that led to it. */
export function tester(kind, key) {
  const user = input({ required: true });
  const context = h("textarea.code", { rows: 3, spellcheck: "false", value: "{}" });
  const submit = h("button.primary", "Ask");
  const answer = h("div", { role: "status" });
  async function explain() {
    submit.disabled = true;
    try {
      const asked = { kind, key, user_id: user.value, context: readContext(context.value) };
      const { text } = await send("POST", "admin/explain", { body: asked });
      put(answer, showAnswer(parseExactly(text)));
    } catch (error) {
      if (!(error instanceof ApiError)) reportError(error);
      put(answer, failure(error));
    }
    submit.disabled = false;
  }
  return [
    dim("Nothing is stored or counted. The audit says that you asked, without the user's id."),
    form(explain,
      field("User id", user),
      field("Context (JSON)", context, 'What the caller knows of the user, such as {"country": "DE"}'),
      row(submit)),
    answer,
  ];
}

function readContext(text) {
  try {
    return parseExactly(text.trim() || "{}");
  } catch (error) {
    throw new ApiError(400, "json", `The context is not JSON: ${error.message}`);
  }
}

const showAnswer = ({ user_id, linked_to, variant, reason: why, value, error, steps }) => [
  note("answer",
    p(said(user_id), " gets ", b(said(variant ?? "no variant")),
      value != null && [", the value ", code(JSON.stringify(value))],
      why ? [", because ", b(why)] : "", "."),
    error && p(error.message),
    linked_to && p("This id is linked to the user ", said(linked_to), ", and is answered as that user is.")),
  h("h3", "Steps"),
  h("ol.steps", steps.map((step, i) => {
    const [word, kind] = i === steps.length - 1 ? ["decides", "good"] : step.is_mismatch ? ["no match"] : ["passed", "info"];
    return h("li", chip(word, kind), " ", b(said(step.name)), ": ", said(step.result));
  })),
];
