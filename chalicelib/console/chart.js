// Curves by day, drawn in CSS pixels so that their text keeps its size on a phone.

import { h, series as color, short, svg } from "./dom.js";

const HEIGHT = 220;
const LEFT = 56;
const BOTTOM = 26;
const DAY = 86_400_000;

/** `series`: {name, points: [[milliseconds, value]…]}. The table below it says the same. */
export function curves(label, series) {
  const picture = h("div.picture");
  const draw = () => picture.clientWidth && picture.replaceChildren(drawing(label, series, picture.clientWidth));
  new ResizeObserver(draw).observe(picture);
  return h("figure",
    h("figcaption", label, h("span.legend", series.map(({ name }, i) =>
      h("span", svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
        svg("path", { d: "M0 5H26", class: `line ${color(i)}` })), h("bdi", name))))),
    picture);
}

function drawing(label, series, width) {
  const points = series.flatMap((each) => each.points);
  const times = points.map(([time]) => time);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const step = roundUp(Math.max(...points.map(([, value]) => value)) / 4);
  const top = 4 * step;
  const x = (time) => LEFT + ((width - LEFT - 12) * (time - first)) / Math.max(last - first, DAY);
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - 12) * value) / top;
  const ticks = [0, 1, 2, 3, 4].map((i) => i * step);
  const days = pickDays(first, last, Math.max(2, Math.floor((width - LEFT) / 110)));
  return svg("svg", { width, height: HEIGHT, role: "img", "aria-label": `${label}. Its numbers are below.` },
    ticks.map((value) => [
      svg("path", { d: `M${LEFT} ${y(value)}H${width - 12}`, class: "grid" }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, short(value)),
    ]),
    days.map((day, i) => svg("text", {
      x: x(day), y: HEIGHT - 6, "text-anchor": i === 0 ? "start" : i === days.length - 1 ? "end" : "middle",
    }, new Date(day).toISOString().slice(0, 10))),
    series.map(({ points: own }, i) => own.length > 1
      ? svg("path", { class: `line ${color(i)}`, d: `M${own.map(([time, value]) => `${x(time)} ${y(value)}`).join("L")}` })
      : own.map(([time, value]) => svg("circle", { class: `dot ${color(i)}`, cx: x(time), cy: y(value), r: 4 }))));
}

function roundUp(value) {
  if (!(value > 0)) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((step) => step >= value * 0.999_999);
}

function pickDays(first, last, most) {
  if (last === first) return [first];
  const number = Math.min(most, 5, Math.round((last - first) / DAY) + 1);
  return Array.from({ length: number }, (_, i) => first + Math.round((i * (last - first)) / (number - 1) / DAY) * DAY);
}
