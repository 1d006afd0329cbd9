// @ts-check
// Signs: what a state looks like without its colour. Each has its own outline.

import { clothe, h, s } from "./dom.js";
import { TONES, isBroken, toneOf } from "../state/standing.js";

/** Outlines in a square of 16. @type {Record<string, [string, "line" | "full"][]>} */
const OUTLINES = {
  ready: [["M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z", "full"], ["M5.2 8.2l2 2 3.6-4.2", "line"]],
  starting: [["M8 2.5a5.5 5.5 0 1 1-5.5 5.5", "line"]],
  up: [["M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z", "line"], ["M8 2.5a5.5 5.5 0 0 1 0 11z", "full"]],
  stopping: [["M3.5 3.5h9v9h-9z", "line"], ["M6 6h4v4H6z", "full"]],
  waiting: [["M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z", "line"], ["M8 5v3.2l2.2 1.4", "line"]],
  blocked: [["M8 2l6 6-6 6-6-6z", "line"]],
  broken: [["M8 1.8l6.4 11.7H1.6z", "full"], ["M8 6v3.4M8 11.4v.2", "line"]],
  down: [["M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z", "line"]],
  held: [["M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z", "line"], ["M6.4 5.8v4.4M9.6 5.8v4.4", "line"]],
  failed: [["M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z", "full"], ["M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4", "line"]],
  abandoned: [["M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z", "line"], ["M4.2 11.8l7.6-7.6", "line"]],
  removed: [["M4 8h8", "line"]],
  alert: [["M8 1.8l6.4 11.7H1.6z", "line"], ["M8 6v3.4M8 11.4v.2", "line"]],
};

/** @param {Api.Child} child */
export function signOf(child) {
  const tone = toneOf(child);
  if (child.standing === "down") return tone === "bad" ? "failed" : tone === "held" ? "held" : "down";
  if ((child.standing === "waiting" || child.standing === "blocked") && isBroken(child)) return "broken";
  return child.standing;
}

/**
 * Makes a sign. What it says is told beside it, in words; screen readers pass over it.
 *
 * @param {string} name
 * @param {string} tone
 */
export function sign(name, tone) {
  const picture = s("svg", { class: `sign tone-${tone}`, viewBox: "0 0 16 16", "aria-hidden": "true", "data-sign": name });
  for (const [d, kind] of OUTLINES[name] ?? []) picture.append(s("path", { d, class: kind }));
  return picture;
}

/**
 * Gives a sign another state.
 *
 * @param {SVGSVGElement} picture
 * @param {string} name
 * @param {string} tone
 */
export function turn(picture, name, tone) {
  clothe(picture, { class: `sign tone-${tone}` });
  if (picture.getAttribute("data-sign") === name) return;
  picture.setAttribute("data-sign", name);
  picture.replaceChildren(...(OUTLINES[name] ?? []).map(([d, kind]) => s("path", { d, class: kind })));
}

/**
 * Makes a state in a frame: sign and word.
 *
 * @param {string} name
 * @param {string} tone
 * @param {string} text
 */
export function badge(name, tone, text) {
  return h("span", { class: `badge tone-${tone}` }, sign(name, tone), text);
}

/** @param {string} tone */
export function meaning(tone) {
  return TONES[/** @type {keyof typeof TONES} */ (tone)] ?? "";
}
