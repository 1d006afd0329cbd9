// @ts-check
// Runs over time as a picture: one lane for each child or policy. What a colour says, an outline says as well; every run
// can be reached with the arrow keys, and what is chosen is told in words below.

import { coarse, day, span } from "./clock.js";
import { attribute, clothe, fill, framed, h, s, unique } from "./dom.js";

/**
 * One run as it is drawn.
 *
 * @typedef {object} Bar
 * @property {string} key
 * @property {number} began
 * @property {number | null} ready
 * @property {number | null} ended `null`: it lives
 * @property {"live" | "fine" | "asked" | "failure" | "violent"} end
 * @property {string} name
 * @property {string} text how it ended
 * @property {string} [then] what was decided
 * @property {string} [href]
 */

/** @typedef {{ name: string, href?: string, bars: Bar[], next?: { at: number, what: string } | null, cooling?: [number, number][] }} Lane */

/**
 * @typedef {object} Scene
 * @property {Lane[]} lanes
 * @property {number} from
 * @property {number} to
 * @property {number | null} now `null` where time is not ours
 * @property {(at: number) => string} say a moment in words
 * @property {(at: number, step: number) => string} tick the same below the picture, where marks stand so far apart
 */

const [LANE, TOP, LEFT, RIGHT] = [46, 8, 14, 18];
const STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 172_800, 604_800];

/** Outlines of ends around 0,0. @type {Record<Bar["end"], string>} */
const ENDS = {
  live: "M-2-5l6 5-6 5z",
  fine: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
  asked: "M-4.500-4.500h9v9h-9z",
  failure: "M0-6.500l6.500 6.500-6.500 6.500-6.500-6.500z",
  violent: "M-5.500-3l2.500-2.500 3 3 3-3 2.500 2.500-3 3 3 3-2.500 2.500-3-3-3 3-2.500-2.500 3-3z",
};

/** @type {[Bar["end"], string][]} */
const LEGEND = [
  ["failure", "failed"],
  ["violent", "killed by a signal or the kernel"],
  ["asked", "was asked to end"],
  ["fine", "ended as it should"],
  ["live", "runs"],
];

export class Picture {
  /** @param {string} label */
  constructor(label) {
    this.names = h("div", { class: "lane-names", "aria-hidden": "true" });
    this.told = h("p", { class: "picture-told", "aria-live": "off" });
    this.pattern = unique();
    this.svg = s("svg", { class: "runs", role: "group", "aria-label": label });
    this.frame = h("div", { class: "picture-frame" }, this.names, h("div", { class: "picture-canvas" }, this.svg));
    const legend = LEGEND.map(([end, text]) =>
      h("li", {}, s("svg", { viewBox: "-8 -8 16 16", class: `end end-${end}`, "aria-hidden": "true" }, s("path", { d: ENDS[end] })), text),
    );
    legend.push(
      h("li", {}, s("svg", { viewBox: "0 0 22 16", class: "swatch", "aria-hidden": "true" }, s("rect", { class: "bar-coming", x: 0, y: 3, width: 11, height: 10 }), s("rect", { class: "bar-ready", x: 11, y: 3, width: 11, height: 10 })), "coming, then ready"),
      h("li", {}, s("svg", { viewBox: "0 0 22 16", class: "swatch", "aria-hidden": "true" }, s("path", { class: "gap", d: "M0 8h22" })), "not running"),
    );
    this.element = h("div", { class: "picture" }, this.frame, this.told, h("ul", { class: "legend" }, ...legend));
    this.defs = s("defs", {}, s("pattern", { id: this.pattern, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, s("rect", { width: 5, height: 5, class: "hatch-ground" }), s("path", { d: "M0 0v5", class: "hatch" })));
    this.ground = s("g", { "aria-hidden": "true" });
    this.items = s("g", {});
    this.svg.append(this.defs, this.ground, this.items);
    /** @type {Map<string, { g: SVGGElement, bars: Bar[] }>} */
    this.made = new Map();
    /** @type {string | null} */
    this.chosen = null;
    /** @type {Scene | null} */
    this.scene = null;
    const redraw = framed(() => this.drawNow());
    new ResizeObserver(redraw).observe(this.frame);
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {Scene} scene */
  draw(scene) {
    this.scene = scene;
    this.drawNow();
  }

  drawNow() {
    const scene = this.scene;
    const canvas = this.svg.parentElement;
    if (!scene || !canvas || !canvas.isConnected) return;
    const width = Math.max(240, canvas.clientWidth);
    const height = TOP + scene.lanes.length * LANE + 22;
    clothe(this.svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    const wide = width - LEFT - RIGHT;
    const length = Math.max(1, scene.to - scene.from);
    const x = (/** @type {number} */ at) => LEFT + ((Math.min(scene.to, Math.max(scene.from, at)) - scene.from) / length) * wide;
    this.drawGround(scene, x, width, height);
    fill(this.names, ...(scene.lanes.length > 1 ? scene.lanes.map((lane) => h("div", {}, lane.href ? h("a", { href: lane.href, tabindex: -1 }, lane.name) : lane.name)) : []));

    const gone = new Map(this.made);
    scene.lanes.forEach((lane, at) => {
      const middle = TOP + at * LANE + LANE / 2;
      for (const bars of bundles(lane.bars.filter((bar) => (bar.ended ?? scene.to) >= scene.from && bar.began <= scene.to), x)) {
        const first = bars[0];
        if (!first) continue;
        const key = `${lane.name} ${first.key}`;
        let made = this.made.get(key);
        if (!made) {
          const g = s("g", { class: "run", tabindex: -1, on: { focus: () => this.choose(key), mouseenter: () => this.tell(key), mouseleave: () => this.tell(this.chosen) } });
          if (first.href) g.addEventListener("click", () => this.open(key));
          made = { g, bars };
          this.made.set(key, made);
        }
        made.bars = bars;
        gone.delete(key);
        this.drawRun(made.g, lane, bars, middle, x, scene);
        if (this.items.lastChild !== made.g) this.items.append(made.g);
      }
    });
    // Appending moves elements, and what is moved loses the focus: it is given back.
    const active = this.chosen !== null && document.activeElement === document.body ? this.made.get(this.chosen) : undefined;
    for (const [key, { g }] of gone) {
      g.remove();
      this.made.delete(key);
      if (this.chosen === key) this.chosen = null;
    }
    active?.g.focus({ preventScroll: true });
    const keys = [...this.made.keys()];
    if (this.chosen === null || !this.made.has(this.chosen)) this.chosen = null;
    const reachable = this.chosen ?? keys.at(-1);
    for (const [key, { g }] of this.made) attribute(g, "tabindex", key === reachable ? 0 : -1);
    this.tell(this.chosen);
  }

  /**
   * @param {Scene} scene
   * @param {(at: number) => number} x
   * @param {number} width
   * @param {number} height
   */
  drawGround(scene, x, width, height) {
    /** @type {Node[]} */
    const parts = [];
    const seconds = (scene.to - scene.from) / 1_000;
    const most = Math.max(2, Math.floor(width / 110));
    const step = (STEPS.find((step) => seconds / step <= most) ?? Math.ceil(seconds / most / 604_800) * 604_800) * 1_000;
    // Marks stand at round times of day where time is ours, else at round spans from the beginning.
    const zone = scene.now === null ? 0 : new Date(scene.from).getTimezoneOffset() * 60_000;
    for (let at = Math.ceil((scene.from - zone) / step) * step + zone; at <= scene.to; at += step) {
      const place = x(at);
      parts.push(s("path", { class: "grid", d: `M${place} ${TOP}V${height - 20}` }));
      const isLast = place > width - 40;
      parts.push(s("text", { class: "tick", x: isLast ? width - 4 : place, y: height - 6, "text-anchor": isLast ? "end" : place < 30 ? "start" : "middle" }, scene.tick(at, step)));
    }
    scene.lanes.forEach((lane, at) => {
      const middle = TOP + at * LANE + LANE / 2;
      if (at > 0) parts.push(s("path", { class: "grid", d: `M0 ${TOP + at * LANE}H${width}` }));
      const first = lane.bars.reduce((least, bar) => Math.min(least, bar.began), Infinity);
      const last = Math.max(lane.next?.at ?? 0, scene.now ?? scene.to);
      if (first < Infinity) parts.push(s("path", { class: "gap", d: `M${x(first)} ${middle}H${x(last)}` }));
      for (const [began, ended] of lane.cooling ?? []) {
        parts.push(s("path", { class: "cooling", d: `M${x(began)} ${middle}H${x(ended)}` }));
      }
      if (lane.next && lane.next.at <= scene.to) {
        parts.push(s("path", { class: "next", d: `M${x(lane.next.at)} ${middle}m-5-5l8 5-8 5z` }));
      }
    });
    if (scene.now !== null) {
      parts.push(s("path", { class: "now", d: `M${x(scene.now)} ${TOP - 4}V${height - 20}` }));
    }
    this.ground.replaceChildren(...parts);
  }

  /**
   * @param {SVGGElement} g
   * @param {Lane} lane
   * @param {Bar[]} bars
   * @param {number} middle
   * @param {(at: number) => number} x
   * @param {Scene} scene
   */
  drawRun(g, lane, bars, middle, x, scene) {
    const first = /** @type {Bar} */ (bars[0]);
    const last = /** @type {Bar} */ (bars[bars.length - 1]);
    const worst = bars.find((bar) => bar.end === "violent") ?? bars.find((bar) => bar.end === "failure") ?? last;
    const end = x(last.ended ?? scene.now ?? scene.to);
    const began = x(first.began);
    /** @type {Node[]} */
    const parts = [];
    if (bars.length === 1) {
      const ready = first.ready === null ? end : Math.min(end, x(first.ready));
      parts.push(s("rect", { class: "bar-coming", x: began, y: middle - 8, width: Math.max(0, ready - began), height: 16, rx: 2, fill: `url(#${this.pattern})` }));
      parts.push(s("rect", { class: "bar-ready", x: ready, y: middle - 8, width: Math.max(1, end - ready), height: 16, rx: 2 }));
    } else {
      parts.push(s("rect", { class: "bar-many", x: began, y: middle - 8, width: Math.max(4, end - began), height: 16, rx: 2 }));
      parts.push(s("text", { class: "many", x: (began + end) / 2, y: middle - 12, "text-anchor": "middle" }, `${bars.length}×`));
    }
    parts.push(s("rect", { class: "touch", x: began - 6, y: middle - 20, width: end - began + 12, height: 40, rx: 4 }));
    parts.push(s("path", { class: `end end-${worst.end}`, d: ENDS[worst.end], transform: `translate(${end} ${middle})` }));
    g.replaceChildren(...parts);
    attribute(g, "role", first.href ? "link" : "img");
    attribute(g, "aria-label", describe(lane, bars, scene));
  }

  /** @param {string} key */
  choose(key) {
    this.chosen = key;
    for (const [other, { g }] of this.made) attribute(g, "tabindex", other === key ? 0 : -1);
    this.tell(key);
  }

  /** @param {string | null} key */
  tell(key) {
    const made = key === null ? undefined : this.made.get(key);
    const text = made?.g.getAttribute("aria-label") ?? "Point at a run, or reach it with the arrow keys.";
    if (this.told.textContent !== text) this.told.textContent = text;
    this.told.classList.toggle("muted", made === undefined);
  }

  /** @param {string} key */
  open(key) {
    const href = this.made.get(key)?.bars.at(-1)?.href;
    if (!href) return;
    // A click on a link: so it is heard of like any other.
    const link = h("a", { href });
    document.body.append(link);
    link.click();
    link.remove();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const keys = [...this.made.keys()];
    const at = keys.indexOf(this.chosen ?? keys.at(-1) ?? "");
    const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: keys.length - 1 }[event.key];
    if (to !== undefined) {
      const key = keys[Math.max(0, Math.min(keys.length - 1, to))];
      if (key !== undefined) this.made.get(key)?.g.focus();
    } else if ((event.key === "Enter" || event.key === " ") && this.chosen !== null) {
      this.open(this.chosen);
    } else return;
    event.preventDefault();
  }
}

/**
 * Puts runs together that could not be told apart.
 *
 * @param {Bar[]} bars in order of time
 * @param {(at: number) => number} x
 */
function bundles(bars, x) {
  /** @type {Bar[][]} */
  const all = [];
  let edge = -Infinity;
  for (const bar of bars) {
    const last = all.at(-1);
    const end = x(bar.ended ?? Infinity);
    // A run that lives, and one that has room of its own, stands alone.
    if (last && bar.ended !== null && end - edge < 9 && last.every((one) => one.ended !== null)) last.push(bar);
    else all.push([bar]);
    edge = end;
  }
  return all;
}

/**
 * @param {Lane} lane
 * @param {Bar[]} bars
 * @param {Scene} scene
 */
function describe(lane, bars, scene) {
  const first = /** @type {Bar} */ (bars[0]);
  const last = /** @type {Bar} */ (bars[bars.length - 1]);
  const whose = scene.lanes.length > 1 ? `${lane.name}: ` : "";
  if (bars.length > 1) {
    const bad = bars.filter((bar) => bar.end === "failure" || bar.end === "violent").length;
    return `${whose}${bars.length} runs, ${first.name} to ${last.name}, from ${scene.say(first.began)} to ${scene.say(last.ended ?? scene.to)}; ${bad} of them failed; the last ${last.text}.${last.then ? ` Then: ${last.then}.` : ""}`;
  }
  const lived = last.ended === null ? "" : `, after ${span(last.ended - last.began)}`;
  const ready = last.ready === null ? (last.ended === null ? "; not ready yet" : "; never ready") : last.ready > last.began ? `; ready after ${span(last.ready - last.began)}` : "";
  const text = last.ended === null ? `runs since ${scene.now === null ? "then" : coarse(scene.now - last.began)}` : last.text;
  return `${whose}${last.name}, ${scene.say(last.began)}${ready}; ${text}${lived}.${last.then ? ` Then: ${last.then}.` : ""}`;
}

/**
 * How moments are written below a picture of the past: with seconds where these differ, with the day where it begins.
 *
 * @param {number} at
 * @param {number} step
 */
export function timeOfDay(at, step) {
  const date = new Date(at);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (time === "00:00" && date.getSeconds() === 0) return day(at);
  return step < 60_000 ? `${time}:${two(date.getSeconds())}` : time;
}
