// @ts-check
// Spans and moments in words, and what is written anew as time goes by: one clock for the whole page, which stands still
// while nobody looks and while nothing shown depends on it.

import { h, write } from "./dom.js";

/** By how much the clock of whoever answers is ahead of ours. */
let ahead = 0;

/**
 * Learns what time it is where the tree is.
 *
 * @param {number} at
 */
export function tell(at) {
  ahead = at - Date.now();
}

/** Returns the present moment where the tree is. */
export function now() {
  return Date.now() + ahead;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A span with at most two units, as the command line writes it: `350ms`, `4.2s`, `1m 36s`, `3h 12m`, `2d 4h`.
 *
 * @param {number} ms
 * @returns {string}
 */
export function span(ms) {
  const size = Math.max(0, ms);
  if (size < SECOND) return `${Math.round(size)}ms`;
  if (size < 10 * SECOND) return `${(Math.floor(size / 100) / 10).toString()}s`;
  return coarse(size);
}

/**
 * The same in whole seconds: for what counts before one's eyes.
 *
 * @param {number} ms
 * @returns {string}
 */
export function coarse(ms) {
  const size = Math.max(0, ms);
  const two = (/** @type {number} */ big, /** @type {string} */ a, /** @type {number} */ small, /** @type {string} */ b) => {
    const rest = Math.floor((size % big) / small);
    return `${Math.floor(size / big)}${a}${rest ? ` ${rest}${b}` : ""}`;
  };
  if (size < MINUTE) return `${Math.floor(size / SECOND)}s`;
  if (size < HOUR) return two(MINUTE, "m", SECOND, "s");
  if (size < DAY) return two(HOUR, "h", MINUTE, "m");
  return two(DAY, "d", HOUR, "h");
}

/** @param {number} value @param {number} [width] */
const pad = (value, width = 2) => String(value).padStart(width, "0");

/**
 * A moment as a time of day, with the date where it is another day than today.
 *
 * @param {number} at
 * @param {boolean} [exact] with milliseconds
 * @returns {string}
 */
export function moment(at, exact = false) {
  const date = new Date(at);
  const today = new Date(now());
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  const full = exact ? `${time}.${pad(date.getMilliseconds(), 3)}` : time;
  return date.toDateString() === today.toDateString() ? full : `${day(at)} ${full}`;
}

/**
 * @param {number} at
 * @returns {string}
 */
export function day(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/**
 * A number of bytes.
 *
 * @param {number} count
 * @returns {string}
 */
export function bytes(count) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = count;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** @type {Map<Element, (now: number) => void>} */
const watched = new Map();
let isGoing = false;

/** Goes on at each full second, as long as something is watched and somebody looks. */
function go() {
  if (isGoing || document.hidden) return;
  isGoing = true;
  setTimeout(() => {
    isGoing = false;
    tick();
    if (watched.size > 0) go();
  }, SECOND - (now() % SECOND));
}

function tick() {
  const at = now();
  for (const [element, draw] of watched) {
    if (element.isConnected) draw(at);
    else watched.delete(element);
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  tick();
  go();
});

/**
 * Draws an element at once and at every second for as long as it is part of the page. Called again it replaces what was
 * said before.
 *
 * @param {Element} element
 * @param {(now: number) => void} draw
 */
export function ticking(element, draw) {
  draw(now());
  watched.set(element, draw);
  // It may be put into the page only after this call.
  go();
}

/**
 * Stops drawing an element by the clock.
 *
 * @param {Element} element
 */
export function still(element) {
  watched.delete(element);
}

/**
 * Makes an element that says how long ago something was, or in how long it will be.
 *
 * @param {number} at
 * @param {{ prefix?: string, suffix?: string, done?: string }} [words]
 */
export function until(at, words = {}) {
  const element = h("time", { datetime: new Date(at).toISOString(), title: moment(at, true), class: "figures" });
  ticking(element, (present) => {
    const left = at - present;
    const text = left > 0 ? `${words.prefix ?? "in "}${coarse(left + 999)}${words.suffix ?? ""}` : words.done ?? "now";
    write(element, text);
  });
  return element;
}

/**
 * Makes an element that says since how long something holds.
 *
 * @param {number} at
 */
export function since(at) {
  const element = h("time", { datetime: new Date(at).toISOString(), title: moment(at, true), class: "figures" });
  ticking(element, (present) => write(element, coarse(present - at)));
  return element;
}
