// @ts-check
// From keys to bytes, as terminals have sent them for fifty years.

/** @type {Record<string, string>} */
const FINALS = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", Home: "H", End: "F" };
/** @type {Record<string, number>} */
const NUMBERS = { Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24 };
/** @type {Record<string, string>} */
const FIRST = { F1: "P", F2: "Q", F3: "R", F4: "S" };
/** @type {Record<string, string>} */
const CONTROLS = { "@": "\0", " ": "\0", "[": "\x1b", "\\": "\x1c", "]": "\x1d", "^": "\x1e", _: "\x1f", "/": "\x1f", "?": "\x7f" };

/**
 * What a key types, or `null` where it is none of a terminal's: then the browser has it.
 *
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "shiftKey" | "metaKey">} event
 * @param {{ isCursorKeys: boolean }} screen
 * @returns {string | null}
 */
export function typedBy(event, screen) {
  const { key, ctrlKey, altKey, shiftKey, metaKey } = event;
  if (metaKey) return null;
  const more = 1 + (shiftKey ? 1 : 0) + (altKey ? 2 : 0) + (ctrlKey ? 4 : 0);
  const final = FINALS[key];
  if (final) return more > 1 ? `\x1b[1;${more}${final}` : `\x1b${screen.isCursorKeys ? "O" : "["}${final}`;
  const number = NUMBERS[key];
  if (number) return more > 1 ? `\x1b[${number};${more}~` : `\x1b[${number}~`;
  const first = FIRST[key];
  if (first) return more > 1 ? `\x1b[1;${more}${first}` : `\x1bO${first}`;
  const alt = altKey ? "\x1b" : "";
  switch (key) {
    case "Enter": return `${alt}\r`;
    case "Backspace": return `${alt}${ctrlKey ? "\b" : "\x7f"}`;
    case "Tab": return shiftKey ? "\x1b[Z" : "\t";
    case "Escape": return `${alt}\x1b`;
    default:
  }
  if (ctrlKey && !shiftKey || (ctrlKey && key.length === 1 && key in CONTROLS)) {
    if (/^[a-z]$/i.test(key)) return `${alt}${String.fromCharCode(key.toLowerCase().charCodeAt(0) - 96)}`;
    const control = CONTROLS[key];
    return control === undefined ? null : `${alt}${control}`;
  }
  if (ctrlKey) return null;
  if (altKey && [...key].length === 1) return `\x1b${key}`;
  return null;
}

/**
 * What pasting a text types.
 *
 * @param {string} text
 * @param {boolean} isMarked whether the program wants to know that it was pasted
 */
export function pasted(text, isMarked) {
  // The end mark within what is pasted would let the rest pass for typed.
  const lines = text.replaceAll(/\r?\n/g, "\r").replaceAll("\x1b[201~", "");
  return isMarked ? `\x1b[200~${lines}\x1b[201~` : lines;
}
