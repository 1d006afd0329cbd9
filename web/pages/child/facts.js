// @ts-check
// Beside every part: what happens next by itself, and what is known of the child in a few lines.

import { link } from "../../state/route.js";
import { coarse, moment, now, ticking, still } from "../../parts/clock.js";
import { fill, h, once, write } from "../../parts/dom.js";

/** The next deadline, counting down. */
export function nextCard() {
  const left = h("p", { class: "countdown figures" });
  const what = h("p", { class: "countdown-what" });
  const part = h("span", { class: "part" });
  const bar = h("div", { class: "countdown-bar", "aria-hidden": "true" }, part);
  const element = h("section", { class: "card next-card", "aria-label": "What comes next by itself" }, h("h2", {}, "Next, by itself"), left, what, bar);
  const draw = once((/** @type {{ next: { at: number, what: string } | null, began: number | null, standing: string }} */ { next, began }) => {
    element.classList.toggle("none", next === null);
    if (!next) {
      still(left);
      bar.hidden = true;
      write(left, "—");
      write(what, "Nothing: it stays as it is.");
      return;
    }
    fill(what, next.what, h("span", { class: "muted" }, `, at ${moment(next.at)}`));
    const from = Math.min(began ?? now(), next.at);
    bar.hidden = false;
    ticking(left, (present) => {
      const rest = Math.max(0, next.at - present);
      write(left, rest > 0 ? coarse(rest + 999) : "now");
      part.style.width = `${Math.max(0, Math.min(100, (100 * rest) / Math.max(1, next.at - from)))}%`;
    });
  });
  return {
    element,
    draw: (/** @type {Api.Child} */ child) =>
      draw({ next: child.next && { at: child.next.at, what: child.next.what }, began: child.since_at, standing: child.standing }),
  };
}

/** What is known of a child. */
export function factsCard() {
  const list = h("dl", { class: "facts" });
  const element = h("section", { class: "card", "aria-label": "Facts" }, h("h2", {}, "Facts"), list);
  const draw = once((/** @type {Api.Child} */ child) => {
    /** @type {[string, import("../../parts/dom.js").Kid | import("../../parts/dom.js").Kid[]][]} */
    const facts = [
      ["Kind", child.kind],
      ["Run", child.run === null ? (child.runs > 0 ? `none; ${child.runs} so far` : "none yet") : `#${child.run}`],
      ["Restarts", child.restarts],
      ["Process", child.pid],
      ["Wanted", child.want],
      ["Says", child.says],
      ["Told", Object.keys(child.said).length > 0 ? Object.entries(child.said).map((pair) => pair.join("=")).join(", ") : null],
      ["Came as far as", child.position],
      ["Trouble", child.trouble],
      ["Listens at", child.addresses.length > 0 ? child.addresses.map((one) => [h("code", {}, one), " "]).flat() : null],
      ["Criticality", child.criticality],
      ["Held by", child.contain],
      ["Spec", child.revision > 0 ? `revision ${child.revision}` : null],
      ["Log", child.log ? h("code", {}, child.log) : null],
      ["Dropped", child.dropped > 0 ? `${child.dropped} lines of output` : null],
      [
        "Labels",
        Object.keys(child.labels).length > 0
          ? Object.entries(child.labels).map(([name, value]) => h("a", { class: "label", href: link("tree", "", { q: `${name}=${value}` }) }, `${name}=${value}`))
          : null,
      ],
    ];
    fill(list, ...facts.filter(([, value]) => value !== null && value !== "").map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, .../** @type {any[]} */ (Array.isArray(value) ? value : [value])))));
  });
  return { element, draw: (/** @type {Api.Child} */ child) => draw({ ...child, next: null, alerts: [], since_at: null }) };
}
