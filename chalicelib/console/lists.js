// The lists of flags, experiments and segments.

import { get } from "./api.js";
import { edit, editor, onlyLooks } from "./change.js";
import {
  ago, bar, block, button, capital, chip, count, field, h, input, link, narrow, p, plural, publishCommand, publisher, put, row,
  said, sub, table,
} from "./dom.js";

const KINDS = {
  flag: { answers: "~Answers", start: { key: "new-flag", type: "boolean", enabled: false } },
  experiment: {
    answers: "~Split",
    start: {
      key: "new-experiment", status: "draft", metrics: ["purchase"], variants: { control: 1, treatment: 1 },
    },
  },
  segment: { answers: "~Who", start: { key: "new-segment", include: [] } },
};

const STATUS = { active: "good", inactive: "", draft: "", paused: "warn", completed: "info" };
const name = (status) => (status === "inactive" ? "off" : status);
const FILTERS = {
  all: ["All", () => true],
  ...Object.fromEntries(Object.keys(STATUS).map((status) => [status, [name(status), (item) => item.status === status]])),
  killed: ["killed", (item) => item.is_killed],
  stale: ["can be removed", (item) => item.stale],
  waiting: ["waiting for approval", (item) => item.open_proposals],
  invalid: ["not valid", (item) => !item.is_valid],
};
const by = (read, sign = 1) => (one, other) => (read(one) < read(other) ? -sign : read(one) > read(other) ? sign : 0);
const SORTS = {
  key: ["Key", by((item) => item.key)],
  newest: ["Newest change", by((item) => item.published_at, -1)],
  oldest: ["Oldest change", by((item) => item.published_at)],
  owner: ["Owner", by((item) => item.owner || "\uffff")],
};

export const chips = (item) => [
  item.is_killed ? chip("killed", "bad") : item.is_valid && item.kind !== "segment"
    && chip(name(item.status), STATUS[item.status]),
  !item.is_valid && chip("not valid", "bad"),
  item.stale && chip("can be removed", "warn"),
  item.open_proposals > 0 && chip(plural(item.open_proposals, "proposal"), "info"),
];

export const definitions = (kind) => (query) => ({
  title: `${capital(kind)}s`,
  content: () => [
    onlyLooks(),
    block(`${kind}s`, () => get(`admin/definitions?kind=${kind}`), ({ version, definitions: all }) => {
      const add = editor(button(`New ${kind}`, () => edit(`New ${kind}`, kind, KINDS[kind].start, version)));
      return all.length ? filtered(kind, all, query, add) : [
        p(`No ${kind}s are published yet. Publish a file that has some:`),
        publishCommand(kind),
        row(add),
      ];
    }),
  ],
});

function filtered(kind, all, query, add) {
  const search = input({ type: "search", value: query.get("q") ?? "", oninput: () => redraw() });
  const select = (options, asked, first) => h("select", { onchange: () => redraw(), value: asked in options ? asked : first },
    Object.entries(options).map(([key, [label]]) => h("option", { value: key }, label)));
  const show = query.get("show");
  const usable = Object.entries(FILTERS).filter(([key, [, test]]) => key === show || (key === "stale" && kind === "flag") || all.some(test));
  const filter = select(Object.fromEntries(usable), show, "all");
  const sort = select(SORTS, query.get("sort"), "key");
  const total = h("p.dim", { role: "status" });
  const rows = h("div");

  function draw() {
    const words = search.value.toLowerCase().split(/\s+/);
    const found = all.filter(FILTERS[filter.value][1])
      .filter((item) => words.every((word) => haystack(item).includes(word)))
      .sort(SORTS[sort.value][1]);
    total.textContent = `${found.length < all.length ? `${count(found.length)} of ` : ""}${plural(all.length, kind)}`;
    put(rows, found.length
      ? table(`${kind}s`, ["Key", "Status", KINDS[kind].answers, "~Owner", "~Changed"], found.map((item) => line(kind, item)))
      : p("None fits."));
  }
  /** The address says what is shown, for those who come back or send it to somebody. */
  function redraw() {
    draw();
    const asked = Object.entries({ q: search.value, show: filter.value, sort: sort.value });
    const text = new URLSearchParams(asked.filter(([, value]) => !["", "all", "key"].includes(value)));
    history.replaceState(null, "", `#/${kind}s${text.size ? `?${text}` : ""}`);
  }
  draw();
  return [
    h("div.tools", field("Search", search), field("Show", filter), field("Sort by", sort), add),
    total, rows,
    kind === "flag" && block("flags that can be removed", () => get("admin/stale-flags"), ({ flags }) => {
      for (const { key, reasons } of flags) all.find((item) => item.key === key).stale = reasons.join("; ");
      if (flags.length) draw();
    }),
  ];
}

const haystack = (item) => [item.key, item.name, item.description, item.owner].join(" ").toLowerCase();

const line = (kind, item) => [
  [link(item.key, `${kind}s`, item.key), item.name && sub(said(item.name)), narrow(item.summary)],
  h("div.chips", chips(item)),
  [item.summary, item.kind === "experiment" ? item.split && bar(item.split.map(({ share }) => share))
    : item.rollout != null && item.status === "active" && bar([0, item.rollout / 100]), item.stale && sub(item.stale)],
  item.owner ? said(item.owner) : "–",
  [ago(item.published_at), sub(publisher(item))],
];
