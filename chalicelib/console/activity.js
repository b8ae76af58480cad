// Proposals, publications, and the audit of actions.

import { get, path, post, session } from "./api.js";
import { IN_FORCE, ask, changeList, changer, names, onlyLooks, publish } from "./change.js";
import {
  ago, b, block, button, chip, code, h, link, narrow, note, p, part, plural, publishCommand, publisher, reason, row, said,
  sub, table, versionLink, when,
} from "./dom.js";

const STATES = { open: "info", approved: "good", rejected: "bad", outdated: "warn" };

export const proposals = (query) => {
  const isAll = query.has("all");
  return {
    title: "Proposals",
    content: () => [
      row(["", "?all"].map((each) => h("a", {
        href: `#/proposals${each}`, "aria-current": Boolean(each) === isAll && "true",
      }, each ? "All" : "Open"))),
      block("proposals", () => get(`admin/proposals${isAll ? "" : "?state=open"}`), ({ proposals: found }) => found.length
        ? table("Proposals", ["Proposal", "State", "~Changes", "~Reason"], found.map((each) => [
          [link(each.id, "proposals", each.id), sub(said(each.proposed_by), ", ", ago(each.proposed_at)),
            narrow(names(each.definitions))],
          chip(each.state, STATES[each.state]), names(each.definitions), said(each.reason),
        ]))
        : [p(isAll ? "There are no proposals." : "Nothing waits for approval."),
          p("A change waits where ", code("approvals: 1"), " is set.")]),
    ],
  };
};

export const proposal = (id) => ({
  title: id,
  content: (head) => block("this proposal", () => get(path("proposals", id)), (item) => {
    const isOwn = item.proposed_by === session.me.identity.name; // as histories have it
    const isOpen = item.state === "open";
    head([chip(item.state, STATES[item.state])], isOpen && changer(
      !isOwn && button("Approve", () => approve(item), "primary"),
      button(isOwn ? "Withdraw" : "Reject", () => reject(item, isOwn))));
    return [
      p(said(item.proposed_by), " proposed it ", when(item.proposed_at), reason(item.reason)),
      isOpen && [onlyLooks(), isOwn && note("info", p("You proposed it: somebody with another key must approve it."))],
      item.decided_at && p(`${item.state} `, when(item.decided_at), ", by ", said(item.decided_by),
        item.published_version && [", as ", versionLink(item.published_version)], reason(item.decision_note)),
      part(isOpen ? "What it would change now" : "What it was about", changeList(isOpen ? item.changes : item.definitions)),
    ];
  }),
});

const approve = (item) => ask({
  title: `Approve ${item.id}?`, label: "Approve and publish", reason: "optional", body: changeList(item.changes),
  async act({ reason }) {
    const { version, warning } = await post(`${path("proposals", item.id)}/approve`, { note: reason });
    return p("Approved and published as ", versionLink(version), IN_FORCE, warning);
  },
});

const reject = (item, isOwn) => ask({
  title: `${isOwn ? "Withdraw" : "Reject"} ${item.id}?`, label: isOwn ? "Withdraw" : "Reject", danger: true,
  async act({ reason }) {
    await post(`${path("proposals", item.id)}/reject`, { note: reason });
    return p(isOwn ? "Withdrawn. Nothing was published." : "Rejected. Nothing was published.");
  },
});

export const publications = (query) => ({
  title: "Publications",
  content: () => block("publications", () => {
    const before = query.get("before");
    return get(`admin/publications?limit=50${before ? `&before=${before}` : ""}`);
  }, ({ publications: found, before }) => found.length ? [
    table("Publications, newest first", ["Version", "What", "~Note"], found.map((each) => [
      [versionLink(each.version), sub(publisher(each), ", ", ago(each.published_at))],
      [names(each.definitions), narrow(said(each.note ?? ""))], said(each.note ?? ""),
    ])),
    before && p(h("a", { href: `#/publications?before=${before}` }, "Older ones")),
  ] : [p("Nothing is published yet."), publishCommand("flag")]),
});

export const publication = (version) => ({
  title: `Version ${version}`,
  content: (head) => block("this version", () => Promise.all([
    get(path("publications", version)), get("admin/publications?limit=50")]), ([item, { publications: latest }]) => {
    const newest = latest[0]?.version ?? item.version;
    head(item.version === newest && [chip("newest", "good")], item.version < newest
      && changer(button("Roll back to it", () => rollBack(item, latest, newest))));
    return [
      p(publisher(item), " published it ", when(item.published_at), reason(item.note)),
      onlyLooks(),
      part("What it changed", changeList(item.definitions)),
    ];
  }),
});

function rollBack(item, latest, newest) {
  const undone = latest.map(({ version }) => version).filter((version) => version > item.version).slice(0, 20);
  const more = newest - item.version - undone.length;
  return ask({
    title: `Roll back to version ${item.version}?`, label: "Roll back", danger: true,
    body: [
      p(`All definitions become as they were at version ${item.version}, in a new version. This is undone:`),
      block("what is undone", () => Promise.all(undone.map((version) => get(path("publications", version)))), (all) => [
        all.map((each) => [p(b(`Version ${each.version}`), ", by ", publisher(each), reason(each.note)), changeList(each.definitions)]),
        more > 0 && p(`… and ${plural(more, "version")} before these`),
      ]),
    ],
    act: ({ reason }) => publish("admin/rollback", { version: item.version, reason }, newest),
  });
}

export const actions = () => ({
  title: "Audit",
  content: () => block("the audit", () => get("admin/actions?limit=200"), ({ actions: found }) => found.length
    ? table("Actions, newest first", ["What", "By", "~Reason", "~Outcome"], found.map((each) => [
      [said(each.name), sub(when(each.at)), each.selection && sub(said(showSelection(each.selection)))],
      said(each.by), said(each.reason || each.note || "–"), said(each.outcome ?? "–"),
    ]))
    : p("Nobody has changed a key, asked about a user or decided on a proposal yet.")),
});

const showSelection = (selection) => (typeof selection === "string" ? selection : JSON.stringify(selection));
