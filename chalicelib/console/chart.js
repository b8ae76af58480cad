// Curves by day, drawn in CSS pixels so that their text keeps its size on a phone.

import { h, put, said, short, svg } from "./dom.js";

const HEIGHT = 220;
const LEFT = 56;
const BOTTOM = 26;
const DAY = 86_400_000;

/** `series`: {name, color, points: [[milliseconds, value, low, high]…]}, with a band where there is one. */
export function curves(label, series, write = short) {
  const picture = h("div.picture");
  const draw = () => picture.clientWidth && put(picture, drawing(label, series, picture.clientWidth, write));
  new ResizeObserver(draw).observe(picture);
  return h("figure",
    h("figcaption", label, h("span.legend", series.map(({ name, color }) =>
      h("span", svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
        svg("path", { d: "M0 5H26", class: `line ${color}` })), said(name))))),
    picture);
}

function drawing(label, series, width, write) {
  const points = series.flatMap((each) => each.points);
  const times = points.map(([time]) => time);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const [low, high, ticks] = scale(points.map(([, value]) => value), series.flatMap((each) => each.points.at(-1).slice(1)));
  const x = (time) => LEFT + ((width - LEFT - 12) * (time - first)) / Math.max(last - first, DAY);
  const y = (value) => 12 + ((HEIGHT - BOTTOM - 12) * (high - Math.max(low, Math.min(high, value)))) / (high - low);
  const trace = (all, i) => all.map((point) => `${x(point[0])} ${y(point[i])}`).join("L");
  const days = pickDays(first, last, Math.max(2, Math.floor((width - LEFT) / 110)));
  return svg("svg", { width, height: HEIGHT, role: "img", "aria-label": label },
    ticks.map((value) => [
      svg("path", { d: `M${LEFT} ${y(value)}H${width - 12}`, class: low < 0 && !value ? "zero" : "grid" }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, write(value)),
    ]),
    days.map((day, i) => svg("text", {
      x: x(day), y: HEIGHT - 6, "text-anchor": i === 0 ? "start" : i === days.length - 1 ? "end" : "middle",
    }, new Date(day).toISOString().slice(0, 10))),
    series.map(({ points: own, color }) => [
      own[0].length > 2 && svg("path", { class: `area ${color}`, d: `M${trace(own, 2)}L${trace(own.toReversed(), 3)}Z` }),
      own.length > 1 ? svg("path", { class: `line ${color}`, d: `M${trace(own, 1)}` })
        : svg("circle", { class: `dot ${color}`, cx: x(own[0][0]), cy: y(own[0][1]), r: 4 }),
    ]));
}

/** Wide bands of the first days are cut off: the rest would be too flat to read. */
function scale(values, latest) {
  const all = [...values, ...latest];
  const step = roundUp(Math.max(...all.map(Math.abs)) / 4);
  const ticks = Math.min(...all) < 0 ? [-4, -2, 0, 2, 4] : [0, 1, 2, 3, 4];
  return [ticks[0] * step, 4 * step, ticks.map((tick) => tick * step)];
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
