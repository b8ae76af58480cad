// Status, keys and webhooks of the environment.

import { get, path, post, remove } from "./api.js";
import { ask, changer, onlyLooks } from "./change.js";
import {
  ago, b, block, button, chip, code, command, count, dim, exact, failure, field, h, input, narrow, note, p, row,
  said, say, sub, table, when,
} from "./dom.js";

const STATES = { green: ["ok", "good"], amber: ["look", "warn"], red: ["act now", "bad"], unknown: ["unknown", "bad"] };
const state = (name) => chip(...(STATES[name] ?? [name]));

export const status = () => ({
  title: "Status",
  content: (head) => [
    block("the status", () => get("admin/status"), ({ at, state: worst, environment, lines }) => {
      head(state(worst));
      return [
        dim(`${environment}, as of ${exact(at)}. Asked again every 15 seconds.`),
        table("Status", ["What", "Now"], lines.map((line) => [
          h("div.chips", line.name, state(line.state)),
          [line.text.split("\n").map((text) => h("div", said(text))), line.advice && h("div", "→ ", said(line.advice)),
            line.runbook?.map((page) => sub(code(page)))],
        ])),
      ];
    }, { every: 15 }),
    h("h2", "Quarantine"),
    block("the quarantine", () => get("admin/quarantine"), (now) => [
      table("Quarantine", ["What", "Waiting", "In flight"], [
        ["Records that could not be processed", count(now.messages), count(now.in_flight)],
        ["Batches that Lambda gave up on", count(now.failed_batches), count(now.failed_in_flight)],
      ]),
      (now.messages > 0 || now.failed_batches > 0) && [p("Look at them, repair the cause, and send them back:"),
        command("python -m realtime quarantine list"), command("python -m realtime quarantine redrive")],
    ], { every: 15 }),
  ],
});

export const keys = () => ({
  title: "Keys",
  content: () => [
    row(changer(button("New key", createKey, "primary"))),
    onlyLooks(),
    block("keys", () => get("admin/keys"), ({ keys: found }) => found.length
      ? table("Keys", ["Key", "State", "~Scopes", "~Last used"], found.map((key) => [
        [said(key.label || "without a label"), sub(key.id, ", made ", ago(key.created)),
          narrow(key.scopes.join(", "))],
        [keyState(key), key.accepted && changer(button("Revoke", () => revoke(key), null, `Revoke ${key.label || key.id}`))],
        key.scopes.join(", "), key.last_used ? ago(key.last_used) : "never",
      ]))
      : [p("There are no keys yet:"), command("python -m realtime keys create --scopes flags --label web")]),
  ],
});

const keyState = (key) => [
  key.revoked ? chip("revoked", "bad") : key.accepted ? chip("accepted", "good") : chip("expired", "warn"),
  key.expires && !key.revoked && sub(`until ${exact(key.expires)}`),
];

const choices = (name, options) => h("fieldset", h("legend", name), options.split(" ").map((option) =>
  h("label.choice", input({ type: "checkbox", name: "choice", value: option }), option)));
const chosen = (form) => new FormData(form).getAll("choice");

const createKey = () => ask({
  title: "New key", label: "Create", reason: null,
  body: [
    field("Label", input({ name: "label", required: true, maxlength: 100 }), "Who uses it, such as: web"),
    choices("Scopes", "assign flags flags:client events events:client results view admin"),
    field("Expires after", input({ name: "expires" }), "Such as 90d, 52w or 2027-03-31. Empty: never."),
  ],
  async act({ label, expires }, form) {
    const answer = await post("admin/keys", { label, scopes: chosen(form), ...(expires && { expires }) });
    return once("This is the key. It is shown this once:", answer.key, answer.warning);
  },
});

const once = (text, secret, warning) => note("good", p(b(text)), command(secret), warning && p(warning),
  row(button("I have it", () => say())));

const revoke = (key) => ask({
  title: `Revoke ${key.label || key.id}?`, label: "Revoke", danger: true, reason: null,
  body: p("Whoever uses it is refused within two minutes. This cannot be undone."),
  async act() {
    const { warning } = await post(`${path("keys", key.id)}/revoke`, {});
    return p("Revoked: ", said(key.label || key.id), ". ", warning);
  },
});

export const webhooks = () => ({
  title: "Webhooks",
  content: () => [
    row(changer(button("New webhook", createWebhook, "primary"))),
    onlyLooks(),
    block("webhooks", () => get("admin/webhooks"), ({ webhooks: found }) => found.length
      ? table("Webhooks", ["Address", "Last delivery", "~Events"], found.map((hook) => [
        [code(hook.url), narrow(hook.events.join(", ")),
          row(changer(button("Test", () => test(hook), null, `Test ${hook.url}`),
            button("Delete", () => erase(hook), null, `Delete ${hook.url}`)))],
        delivery(hook.last_delivery), hook.events.join(", "),
      ]))
      : p("Nobody is told of anything yet. Add an address, such as one of Slack.")),
  ],
});

const delivery = (last) => last
  ? [chip(last.error ? "failed" : String(last.status ?? "sent"), last.error ? "bad" : "good"), sub(when(last.at)),
    last.error && h("div", said(last.error))]
  : "none yet";

const createWebhook = () => ask({
  title: "New webhook", label: "Create", reason: null,
  body: [
    field("Address", input({ name: "url", type: "url", required: true }),
      "Every delivery is signed, and repeated until it is taken."),
    choices("Events", "publication kill split_alarm proposal"),
  ],
  async act({ url }, form) {
    const answer = await post("admin/webhooks", { url, events: chosen(form) });
    return once("This secret signs the deliveries. It is shown this once:", answer.secret);
  },
});

const test = (hook) => post(`${path("webhooks", hook.id)}/test`, {}).then(
  () => say(p("A test is on its way to ", code(hook.url), ". Look again for its outcome.")),
  (error) => say(failure(error)));

const erase = (hook) => ask({
  title: "Delete this webhook?", label: "Delete", danger: true, reason: null, body: p(code(hook.url)),
  async act() {
    await remove(path("webhooks", hook.id));
    return p("Deleted: ", code(hook.url), ".");
  },
});
