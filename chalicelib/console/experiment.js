// One experiment: the verdict and its checks, live numbers, curves by day, and what it is.

import { get, path } from "./api.js";
import { curves } from "./chart.js";
import {
  b, bar, block, button, chip, code, command, count, dim, field, fold, h, link, list, note, outline, p, part, percent,
  plural, put, said, series, short, sub, table, when,
} from "./dom.js";
import { definitionPage, propose, tester } from "./flag.js";

const VERDICTS = { stop_data_problem: "bad", do_not_ship: "bad", ship: "good", keep_running: "info" };
const CHECKS = { ok: "good", warning: "warn", alarm: "bad" };
const DECISIONS = { better: "good", holds: "good", worse: "bad", fails: "bad" };

export const experiment = (key) => definitionPage("experiment", key, (item) => [
  part("Verdict", block("the verdict", () => loadAnalysis(key), (saved) => showAnalysis(key, saved))),
  part("Live numbers", block("live numbers", () => Promise.all([
    get(`${path("experiments", key)}/results`), get("admin/quarantine")]), ([results, queue]) => [
    queue.messages > 0 && p(chip("look", "warn"), " Quarantine: ", plural(queue.messages, "record"), " not counted. ",
      link("Status", "status")),
    showResults(item, results),
  ], { every: 10 })),
  part("What it is", outline(item.words)),
  part("Who gets what", tester("experiment", key)),
], {
  buttons: (item) => (NEXT[item.status] ?? []).map(([label, status]) =>
    button(label, () => propose(item, `${label} ${item.key}`, { status }))),
});

const NEXT = {
  draft: [["Start", "active"]],
  active: [["Pause", "paused"], ["Complete", "completed"]],
  paused: [["Resume", "active"], ["Complete", "completed"]],
};

/** null where no analysis was saved. */
const loadAnalysis = (key) => get(`${path("experiments", key)}/analysis`).catch((error) => {
  if (error.code === "no_analysis") return null;
  throw error;
});

function showAnalysis(key, saved) {
  const ask = `python -m realtime analyze ${key} --save`;
  if (!saved) {
    return [p(b("No verdict yet. "), "Live counts cannot give one, as events of one user belong together. This compares users:"), command(ask)];
  }
  const { report, saved_at } = saved;
  const { verdict } = report;
  const failed = report.checks.filter(({ status }) => status === "alarm" || status === "warning");
  const users = total(Object.values(report.users));
  return [
    checkList(failed),
    note(VERDICTS[verdict.code], p(b(said(verdict.sentence))),
      verdict.reasons.map((text) => p(said(text)))),
    dim("Saved ", when(saved_at), ". Data as of ", when(report.as_of), ": ", plural(users, "user"),
      report.progress != null && `, ${percent(report.progress)} of the plan`, ". A newer one:"),
    command(ask),
    report.metrics.length > 0 && [comparisons(report), effects(report)],
    fold(`All checks (${report.checks.length})`, checkList(report.checks)),
  ];
}

const checkList = (checks) => h("ul.checks", checks.map(({ code: name, status, message }) =>
  h("li", chip(status, CHECKS[status]), " ", b(name.replaceAll("_", " ")), ": ", said(message))));

/** Each difference from the control around a line of no effect. */
function comparisons(report) {
  const rows = report.metrics.flatMap((metric) => metric.comparisons.map((each) => ({ metric, each })));
  const ends = rows.flatMap(({ each }) => each.lift_interval ?? []).filter((end) => end != null).map(Math.abs);
  const wide = Math.min(1, Math.max(0.05, ...ends) * 1.05);
  const control = report.settings.control;
  return table("Difference from the control", ["Metric and variant", `Difference from ${control}`, "~Per user", "~Users"],
    rows.map(({ metric, each }) => {
      const [own, other] = [metric.variants[each.treatment], metric.variants[control]];
      return [
        [said(metric.name || metric.key), sub(said(each.treatment), `, ${metric.role}`)],
        [difference(each), each.lift != null && band(each.lift, each.lift_interval, wide),
          chip(each.decision === "undecided" ? "not clear yet" : each.decision.replaceAll("_", " "), DECISIONS[each.decision])],
        [short(own?.mean), sub(`control ${short(other?.mean)}`)],
        [count(own?.users), sub(`control ${count(other?.users)}`)],
      ];
    }));
}

/** What was known of the first metric at the end of each day: the difference from the control, and its band. */
function effects({ curves: all = [], metrics: [{ key, name }], settings }) {
  const own = all.filter(({ metric, steps }) => metric === key && steps.some(hasBand));
  return own.length > 0 && curves(`${name || key}: difference from ${settings.control}, as known on each day`,
    own.map(({ treatment, steps }, i) => ({
      name: treatment, color: series(i + 1),
      points: steps.filter(hasBand).map(({ until, effect, interval }) => [Date.parse(until), effect, ...interval]),
    })), own[0].is_lift ? lift : short);
}
const hasBand = ({ effect, interval }) => effect != null && interval?.every((end) => end != null);
const lift = (share) => (share > 0 ? "+" : "") + percent(share);

function difference(each) {
  const [value, ends, format] = each.lift == null
    ? [each.difference, each.interval, short] : [each.lift, each.lift_interval, lift];
  return [b(format(value)), ends && h("div.nowrap", `${format(ends[0])} to ${format(ends[1])}`)];
}

function band(lift, ends, wide) {
  const place = (share) => `${50 + 50 * Math.max(-1, Math.min(1, share / wide))}%`;
  const [low, high] = [place(ends?.[0] ?? -wide), place(ends?.[1] ?? wide)];
  const [range, point] = [h("span.range"), h("span.point")];
  Object.assign(range.style, { left: low, width: `calc(${high} - ${low})` });
  point.style.left = place(lift);
  return h("div.band", { "aria-hidden": "true" }, h("span.zero"), ends && range, point);
}

const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

function showResults(item, results) {
  const variants = Object.entries(results.variants);
  const users = total(variants.map(([, { assigned }]) => assigned));
  const asked = Object.fromEntries((item.split ?? []).map(({ variant, share }) => [variant, share]));
  const days = listDays(results);
  return [
    splitCheck(results.srm),
    users > 0 && bar(variants.map(([, { assigned }]) => assigned / users)),
    table("Live numbers of each variant", ["Variant", "Assigned", "Conversions", "~Per user", "~Exposures"],
      variants.map(([name, each]) => [
        said(name),
        [count(each.assigned), users > 0 && sub(percent(each.assigned / users), name in asked && `, asked ${percent(asked[name])}`)],
        count(each.conversions), short(each.events_per_user), count(each.exposures),
      ])),
    dim(results.conversions && ["Conversions are ", list(results.conversions.map(code)), ". "],
      "Counts of events decide nothing: the verdict is above."),
    results.notes.map(({ message }) => p(said(message))),
    days.length > 0 ? byDay(results, days) : p("No exposures and no events yet. Send some to ", code("POST /events"), "."),
  ];
}

function splitCheck(srm) {
  if (srm.alarm) {
    return note("bad", p(b("The split is not as asked for"), ` (p ${short(srm.p_value)}). `,
      "Find the cause before you read any other number."));
  }
  return p(srm.p_value == null ? [chip("waiting"), " Split: too few users to test it."]
    : [chip("ok", "good"), ` Split: as asked for (p ${short(srm.p_value)}).`]);
}

/** Days of events: those of assignments only are days of processing, which may be years apart. */
const listDays = ({ windows }) => Object.keys(windows.day).sort().filter((day) =>
  Object.values(windows.day[day]).some(({ exposures, events }) => exposures > 0 || Object.keys(events).length > 0));

/** Which curve is shown, also when newer numbers have come. */
let chosen;

function byDay(results, days) {
  const types = days.flatMap((day) => Object.values(results.windows.day[day]).flatMap(({ events }) => Object.keys(events)));
  const measures = [...new Set(types)].filter((type) => type !== "exposure").sort().flatMap((type) => [
    [`${type}: events per assigned user`, ({ events }) => events[type]?.count ?? 0],
    [`${type}: value per assigned user`, ({ events }) => events[type]?.sum ?? 0],
  ]);
  measures.push(["exposures per assigned user", ({ exposures }) => exposures]);
  const names = Object.keys(results.variants);
  const read = (day, name, measure) => (results.windows.day[day][name] ? measure(results.windows.day[day][name]) : 0);
  const place = h("div");
  const select = h("select", { onchange: () => draw(), value: Math.max(0, measures.findIndex(([label]) => label === chosen)) },
    measures.map(([label], i) => h("option", { value: i }, label)));
  function draw() {
    const [label, measure] = measures[select.value];
    chosen = label;
    put(place, curves(`${label}, by day of the event, added up`, names.map((name, i) => {
      let sum = 0;
      const users = results.variants[name].assigned || 1;
      return { name, color: series(i), points: days.map((day) => [Date.parse(day), (sum += read(day, name, measure)) / users]) };
    })),
    fold("Numbers by day", table(`${label.replace(" per assigned user", "")} on each day`, ["Day", ...names],
      days.toReversed().map((day) => [day, ...names.map((name) => count(read(day, name, measure)))]))));
  }
  draw();
  return [field("Curve", select), place];
}
