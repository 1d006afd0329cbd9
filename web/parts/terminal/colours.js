// @ts-check
// Colours as programs ask for them: which of 256 or any other, as text with styles. Also for lines of a log.

import { h } from "../dom.js";

/**
 * How letters look. Colours: -1 is the usual one, 0 to 255 one of the palette, above that `0x1000000 + rgb`.
 *
 * @typedef {object} Look
 * @property {number} fore
 * @property {number} back
 * @property {number} marks one bit for each of the marks below
 */

export const BOLD = 1;
export const FAINT = 2;
export const ITALIC = 4;
export const UNDERLINE = 8;
export const INVERSE = 16;
export const HIDDEN = 32;
export const STRUCK = 64;

/** @type {Look} */
export const PLAIN = { fore: -1, back: -1, marks: 0 };

/** @param {Look} a @param {Look} b */
export function isSame(a, b) {
  return a === b || (a.fore === b.fore && a.back === b.back && a.marks === b.marks);
}

/**
 * Applies the numbers of one `ESC [ … m`.
 *
 * @param {Look} look
 * @param {number[]} numbers
 * @returns {Look}
 */
export function graphics(look, numbers) {
  let { fore, back, marks } = look;
  for (let at = 0; at < Math.max(1, numbers.length); at += 1) {
    const one = numbers[at] ?? 0;
    if (one === 0) [fore, back, marks] = [-1, -1, 0];
    else if (one === 1) marks |= BOLD;
    else if (one === 2) marks |= FAINT;
    else if (one === 3) marks |= ITALIC;
    else if (one === 4) marks |= UNDERLINE;
    else if (one === 7) marks |= INVERSE;
    else if (one === 8) marks |= HIDDEN;
    else if (one === 9) marks |= STRUCK;
    else if (one === 22) marks &= ~(BOLD | FAINT);
    else if (one === 23) marks &= ~ITALIC;
    else if (one === 24) marks &= ~UNDERLINE;
    else if (one === 27) marks &= ~INVERSE;
    else if (one === 28) marks &= ~HIDDEN;
    else if (one === 29) marks &= ~STRUCK;
    else if (one >= 30 && one <= 37) fore = one - 30;
    else if (one === 39) fore = -1;
    else if (one >= 40 && one <= 47) back = one - 40;
    else if (one === 49) back = -1;
    else if (one >= 90 && one <= 97) fore = one - 82;
    else if (one >= 100 && one <= 107) back = one - 92;
    else if (one === 38 || one === 48) {
      let colour = -2;
      if (numbers[at + 1] === 5) {
        colour = Math.min(255, numbers[at + 2] ?? 0);
        at += 2;
      } else if (numbers[at + 1] === 2) {
        const [red, green, blue] = [2, 3, 4].map((by) => Math.min(255, numbers[at + by] ?? 0));
        colour = 0x1000000 + ((red ?? 0) << 16) + ((green ?? 0) << 8) + (blue ?? 0);
        at += 4;
      }
      if (colour !== -2) {
        if (one === 38) fore = colour;
        else back = colour;
      }
    }
  }
  return { fore, back, marks };
}

/**
 * A colour as styles take it. The first 16 are ours, light and dark; `null` is the usual one.
 *
 * @param {number} colour
 * @returns {string | null}
 */
export function css(colour) {
  if (colour < 0) return null;
  if (colour < 16) return `var(--ansi-${colour})`;
  if (colour >= 0x1000000) return `#${(colour - 0x1000000).toString(16).padStart(6, "0")}`;
  if (colour >= 232) {
    const grey = 8 + (colour - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const level = (/** @type {number} */ one) => (one === 0 ? 0 : 55 + 40 * one);
  const at = colour - 16;
  return `rgb(${level(Math.floor(at / 36))} ${level(Math.floor(at / 6) % 6)} ${level(at % 6)})`;
}

/**
 * Makes letters of one look.
 *
 * @param {string} text
 * @param {Look} look
 * @returns {Node}
 */
export function letters(text, look) {
  if (isSame(look, PLAIN)) return document.createTextNode(text);
  const element = h("span", {}, text);
  dressLetters(element, look);
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {Look} look
 */
export function dressLetters(element, look) {
  const { marks } = look;
  const bright = marks & BOLD && look.fore >= 0 && look.fore < 8 ? look.fore + 8 : look.fore;
  let [fore, back] = [css(bright), css(look.back)];
  // Letters are lighter than what programs expect behind letters: as a ground each of the 16 is toned down.
  if (look.back >= 0 && look.back < 16) back = `color-mix(in oklab, ${back} 60%, var(--screen))`;
  if (marks & INVERSE) [fore, back] = [back ?? "var(--screen)", fore ?? "var(--screen-ink)"];
  if (fore) element.style.color = fore;
  if (back) element.style.backgroundColor = back;
  if (marks & BOLD) element.style.fontWeight = "700";
  if (marks & FAINT) element.style.opacity = "0.65";
  if (marks & ITALIC) element.style.fontStyle = "italic";
  if (marks & HIDDEN) element.style.visibility = "hidden";
  const lines = `${marks & UNDERLINE ? "underline " : ""}${marks & STRUCK ? "line-through" : ""}`.trim();
  if (lines) element.style.textDecoration = lines;
}

// Escape sequences: those with numbers, those with a text, and all others.
const ESCAPE = /\x1b\[([0-9;:]*)([@-~])|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]/g;

/**
 * Takes a line apart into letters of one look each; whatever is not a colour is left out.
 *
 * @param {string} line
 * @returns {[string, Look][]}
 */
export function pieces(line) {
  /** @type {[string, Look][]} */
  const parts = [];
  let look = PLAIN;
  let from = 0;
  for (const found of line.matchAll(ESCAPE)) {
    if (found.index > from) parts.push([line.slice(from, found.index), look]);
    from = found.index + found[0].length;
    if (found[2] === "m") look = graphics(look, numbersOf(found[1] ?? ""));
  }
  if (from < line.length) parts.push([line.slice(from), look]);
  return parts;
}

/** @param {string} text */
export function numbersOf(text) {
  return text === "" ? [] : text.split(/[;:]/).map((one) => Math.min(0xffffff, Number(one) || 0));
}

/** @param {string} line */
export function colours(line) {
  return pieces(line).map(([text, look]) => letters(text, look));
}
