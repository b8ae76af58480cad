// Changes: each shows what it does, asks for a reason, and says what came of it.

import { ApiError, can, get, isExact, parseExactly, post, send } from "./api.js";
import {
  ago, b, block, button, chip, code, dim, field, form, h, link, note, p, problemItems, publisher, put, row, say,
  versionLink,
} from "./dom.js";

export const IN_FORCE = ". It is in force within 10 seconds. ";
/** The router sets it. */
export const page = { reload() {} };

const SIGNS = { "+": "added", "~": "changed", "-": "removed", "=": "affected" };
export const changeChip = (word) => chip(word, { added: "good", removed: "bad" }[word]);

/** Asks before it acts. `act(values)` returns what to say, or what comes next; `reason`: "required", "optional", null. */
export function ask({ title, body, label, danger = false, reason = "required", act }) {
  const text = reason && h("textarea", { name: "reason", rows: 2, required: reason === "required", maxlength: 500 });
  const submit = h("button", { class: danger ? "danger" : "primary" }, label);
  const state = h("div", { role: "alert" });
  const shown = h("div");
  const asked = form(run,
    h("h2", { id: "dialog-title" }, title), shown,
    text && field(reason === "required" ? "Reason" : "Note (optional)", text, "The history shows it."),
    state,
    row(button("Cancel", () => dialog.close()), submit));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", onclose: () => dialog.remove() }, asked);
  async function run() {
    submit.disabled = true;
    submit.textContent = "Sending…";
    put(state);
    try {
      const values = Object.fromEntries(new FormData(asked));
      const answer = await act({ ...values, reason: values.reason?.trim() }, asked);
      dialog.close();
      if (typeof answer === "function") return answer();
      say(answer);
      page.reload();
    } catch (error) {
      if (!(error instanceof ApiError)) reportError(error);
      put(state, await describeFailure(error, dialog));
      submit.disabled = error.code === "version_conflict";
    } finally {
      submit.textContent = label;
    }
  }
  document.body.append(dialog);
  dialog.showModal();
  put(shown, typeof body === "function" ? body(submit, dialog, (text) => (submit.textContent = label = text)) : body);
}

async function describeFailure(error, dialog) {
  if (error.code === "version_conflict") return describeConflict(dialog);
  return note("bad", p(b(error.message)), problemItems(error.details), error.status === 0
    && p("Nobody knows whether it was done. Look at the publications before you repeat it."));
}

/** Who published in between, and a way to look again. */
async function describeConflict(dialog) {
  const { publications: [newest] } = await get("admin/publications?limit=1").catch(() => ({ publications: [] }));
  const who = newest ? [publisher(newest), ` published version ${newest.version} `, ago(newest.published_at), ": ",
    names(newest.definitions)] : "Somebody else has published since";
  return note("warn", p(b(who, ".")), p("Your change is not published."),
    button("Look again", () => (dialog.close(), page.reload())));
}

/** Shows what `definitions` and `remove` would change, and publishes them or asks for approval. */
export const review = ({ title, definitions = {}, remove = [], version }) => ask({
  title, label: "Publish",
  body(submit, dialog, relabel) {
    submit.disabled = true;
    return block("what would change", async () => {
      const diff = await post("admin/diff", { definitions, remove });
      version ??= diff.version;
      return diff.version === version ? diff : { conflict: await describeConflict(dialog) };
    }, (diff) => {
      if (diff.conflict) return diff.conflict;
      const isEmpty = !diff.changes.length;
      submit.disabled = !diff.is_valid || isEmpty;
      if (diff.needs_approval) relabel("Ask for approval");
      return [
        waits(diff),
        problemList("It cannot be published", diff.problems, "bad"),
        problemList("Warnings", diff.warnings, "warn"),
        isEmpty && diff.is_valid ? p("Nothing would change.") : changeList(diff.changes),
      ];
    });
  },
  act: ({ reason }) => publish("admin/publish", { definitions, remove, reason }, version),
});

export const waits = (diff) => diff.needs_approval && note("info", p("This waits until somebody else approves it."));

/** A publication, or a proposal where that is needed; returns what to say. */
export async function publish(url, body, version) {
  const headers = version == null ? {} : { "If-Match": `"${version}"` };
  const { body: answer } = await send("POST", url, { body, headers });
  if (answer.proposal) {
    return p("It waits for approval: ", link("look at the proposal", "proposals", answer.proposal), ". ", answer.warning);
  }
  return p("Published ", versionLink(answer.version), IN_FORCE, answer.warning);
}

export const problemList = (title, problems, kind) => problems?.length > 0 && note(kind, p(b(title)), problemItems(problems));

export const changeList = (changes) => changes.map(({ kind, key, sign, change, impact, notes, differences }) => h("div.change",
  h("h3", changeChip(change ?? SIGNS[sign]), ` ${kind} `, link(key, `${kind}s`, key)),
  impact && [impact.text, ...impact.lines ?? []].map((line) => p(line)),
  notes?.map((text) => p(text)),
  differenceList(differences)));

export const differenceList = (differences = []) => differences.length > 0 && h("ul.diff",
  differences.map(({ path, before, after }) => h("li", path && [code(path), ": "], side("del", before), " → ", side("ins", after))));

/** `absent` is no value of a definition. */
const side = (tag, text) => (text === "absent" ? h("span.dim", "nothing") : h(tag, { dir: "auto" }, text));

export const names = (definitions) => {
  const more = definitions.length - 6;
  return definitions.slice(0, 6).map(({ kind, key }) => `${kind} ${key}`).join(", ") + (more > 0 ? ` and ${more} more` : "");
};

/** An editor of a definition as JSON. What it makes is reviewed before it is published. */
export function edit(title, kind, document, version) {
  const text = h("textarea.code", {
    rows: 16, spellcheck: "false", required: true, value: JSON.stringify(document, null, 2),
  });
  return ask({
    title, label: "Review the change", reason: null, body: field("Definition (JSON)", text),
    async act() {
      let definition;
      try {
        definition = parseExactly(text.value);
      } catch (error) {
        throw new ApiError(400, "json", `This is not JSON: ${error.message}`);
      }
      return () => review({ title, definitions: { [`${kind}s`]: [definition] }, version });
    },
  });
}

/** Nothing that changes is offered to a key that may only look. */
export const changer = (...nodes) => (can("admin") ? nodes : []);
/** The same for definitions, which are sent back whole. */
export const editor = (...nodes) => (can("admin") && isExact ? nodes : []);
export const onlyLooks = () => {
  if (!can("admin")) return dim("This key may look only. Changes need a key with the scope ", code("admin"), ".");
  return !isExact && dim("This browser would round numbers of a definition. Change it with a newer one.");
};
