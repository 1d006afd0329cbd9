// @ts-check
// What a terminal shows, as a table: what is printed on a screen of 4 rows and 10 columns, and what is then to be read,
// row by row. Run in a browser by test_journeys_console.py.

import { Parser } from "../parts/terminal/parser.js";
import { Screen } from "../parts/terminal/screen.js";
import { pasted, typedBy } from "../parts/terminal/typing.js";
import { css, graphics, PLAIN, pieces } from "../parts/terminal/colours.js";

const E = "\x1b[";

/** Name, what is printed, rows (without the empty ones at the end), row and column of the cursor. @type {[string, string, string[], [number, number]?][]} */
const TABLE = [
  ["letters and a new line", "ab\r\ncd", ["ab", "cd"], [1, 2]],
  ["a feed keeps the column", "ab\ncd", ["ab", "  cd"]],
  ["the last column is held until the next letter", "0123456789", ["0123456789"], [0, 9]],
  ["then it wraps", "0123456789a", ["0123456789", "a"], [1, 1]],
  ["a return after the last column does not wrap", "0123456789\rX", ["X123456789"]],
  ["without wrapping the last column is written over", `${E}?7l0123456789ab`, ["012345678b"]],
  ["the screen scrolls", "1\r\n2\r\n3\r\n4\r\n5", ["2", "3", "4", "5"], [3, 1]],
  ["backspace goes back and erases nothing", "abc\b\bX", ["aXc"]],
  ["tabs stand every eight columns", "\tX\r\na\tY", ["        X", "a       Y"]],
  ["a tab can be set and cleared", `${E}3g${E}5G\x1bH\r\tX`, ["    X"]],
  ["the cursor goes anywhere", `${E}3;4HX${E}HY`, ["Y", "", "   X"]],
  ["and stops at the edges", `${E}99;99HX${E}99AY`, ["         Y", "", "", "         X"]],
  ["up, down, left, right", `${E}2;2Hm${E}AU${E}2BD${E}3DL${E}2CR`, ["  U", " m", " L DR"]],
  ["columns and rows by themselves", `${E}5GX${E}3dY${E}2EZ`, ["    X", "", "     Y", "Z"]],
  ["erase to the end of the line", `abcdef${E}3D${E}K`, ["abc"]],
  ["erase to the beginning of the line", `abcdef${E}3D${E}1K`, ["    ef"]],
  ["erase the line", `abcdef${E}2K`, []],
  ["erase below", `1\r\n2\r\n3${E}2;1H${E}J`, ["1"]],
  ["erase above", `11\r\n22\r\n33${E}2;1H${E}1J`, ["", " 2", "33"]],
  ["erase everything and stay", `1\r\n2${E}2JX`, ["", " X"]],
  ["erase letters where they stand", `abcdef${E}5D${E}2X`, ["a  def"]],
  ["take letters away", `abcdef${E}5D${E}2P`, ["adef"]],
  ["make room for letters", `abcdef${E}5D${E}2@`, ["a  bcdef"]],
  ["insert mode", `abc\r${E}4hX${E}4lY`, ["XYbc"]],
  ["make room for lines", `1\r\n2\r\n3${E}2;1H${E}LX`, ["1", "X", "2", "3"]],
  ["take lines away", `1\r\n2\r\n3${E}1;1H${E}M`, ["2", "3"]],
  ["scroll by command", `1\r\n2\r\n3${E}S`, ["2", "3"]],
  ["scroll down by command", `1\r\n2${E}T`, ["", "1", "2"]],
  ["margins hold what is outside", `1\r\n2\r\n3\r\n4${E}2;3r${E}3;1H\r\n5`, ["1", "3", "5", "4"]],
  ["back over the upper margin", `1\r\n2\r\n3\r\n4${E}2;3r${E}2;1H\x1bMX`, ["1", "X", "2", "4"]],
  ["addresses within margins", `${E}2;3r${E}?6h${E}1;1HX${E}9;1HY`, ["", "X", "Y"]],
  ["a place is kept and found again", `ab\x1b7${E}3;3HX\x1b8Y`, ["abY", "", "  X"]],
  ["the other screen comes and goes", `usual${E}?1049hother${E}?1049l!`, ["usual!"]],
  ["the other screen is empty at first", `usual${E}?1049h${E}HX`, ["X"]],
  ["letters of two places", "a世b", ["a世b"], [0, 4]],
  ["half of one overwritten leaves nothing of it", `世${E}2GX`, [" X"]],
  ["two places do not fit into the last column", "012345678世", ["012345678", "世"]],
  ["marks stand on the letter before", "e\u0301x", ["e\u0301x"], [0, 2]],
  ["letters in several parts", "\u{1f600}!", ["\u{1f600}!"], [0, 3]],
  ["lines are drawn", "\x1b(0lqk\x1b(B q", ["┌─┐ q"]],
  ["a title is none of the screen's", "\x1b]0;title\x07X\x1b]2;more\x1b\\Y", ["XY"]],
  ["a text of a device is passed over", "\x1bP1$r0m\x1b\\X", ["X"]],
  ["a sequence broken off", `\x1b[12\x18X\x1b[3\x1b[1;1HY`, ["Y"]],
  ["a control character within a sequence holds", `ab\x1b[\r1CX`, ["aX"]],
  ["what is not known is passed over", `\x1b[>4;2m\x1b[?12h\x1b[6 q\x1b%GX`, ["X"]],
  ["a letter once more", `a${E}3b`, ["aaaa"]],
  ["a reset", `abc\x1bcX`, ["X"]],
  ["numbers that are far too large", `${E}99999999999;99999999999H${E}4294967297CX`, ["", "", "", "         X"]],
];

/** What a key types, with shift, alt and control as `s`, `a`, `c`. @type {[string, string, string | null][]} */
const KEYS = [
  ["a", "", null], ["Enter", "", "\r"], ["Backspace", "", "\x7f"], ["Tab", "", "\t"], ["Tab", "s", "\x1b[Z"],
  ["Escape", "", "\x1b"], ["ArrowUp", "", "\x1b[A"], ["ArrowUp", "k", "\x1bOA"], ["ArrowLeft", "c", "\x1b[1;5D"],
  ["c", "c", "\x03"], ["C", "cs", null], ["[", "c", "\x1b"], [" ", "c", "\0"], ["b", "a", "\x1bb"], ["F1", "", "\x1bOP"],
  ["F5", "", "\x1b[15~"], ["Delete", "", "\x1b[3~"], ["PageUp", "s", "\x1b[5;2~"], ["a", "m", null],
];

/** Runs all of it, and returns what went wrong. */
export function check() {
  /** @type {string[]} */
  const wrong = [];
  const same = (/** @type {string} */ name, /** @type {unknown} */ was, /** @type {unknown} */ wanted) => {
    const [a, b] = [JSON.stringify(was), JSON.stringify(wanted)];
    if (a !== b) wrong.push(`${name}: ${a} instead of ${b}`);
  };
  for (const [name, text, rows, cursor] of TABLE) {
    // Whole, and byte by byte: where a message breaks off is chance.
    for (const size of [10_000, 1]) {
      const screen = new Screen(4, 10);
      const parser = new Parser(screen);
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size));
      const read = [0, 1, 2, 3].map((row) => screen.read(row));
      while (read.at(-1) === "") read.pop();
      same(name, read, rows);
      if (cursor) same(`${name}, cursor`, [screen.row, screen.column], cursor);
    }
  }
  for (const [key, with_, wanted] of KEYS) {
    const event = { key, ctrlKey: with_.includes("c"), altKey: with_.includes("a"), shiftKey: with_.includes("s"), metaKey: with_.includes("m") };
    same(`${with_} ${key}`, typedBy(event, { isCursorKeys: with_.includes("k") }), wanted);
  }
  same("a paste", pasted("a\nb\r\nc\x1b[201~d", true), "\x1b[200~a\rb\rcd\x1b[201~");
  same("bold red on blue", graphics(PLAIN, [1, 31, 44]), { fore: 1, back: 4, marks: 1 });
  same("one of 256", graphics(PLAIN, [38, 5, 208]).fore, 208);
  same("any colour", css(graphics(PLAIN, [48, 2, 1, 2, 255]).back), "#0102ff");
  same("bright", graphics(PLAIN, [97, 103]), { fore: 15, back: 11, marks: 0 });
  same("back to plain", graphics({ fore: 1, back: 2, marks: 9 }, []), PLAIN);
  same("a line of a log", pieces("a\x1b[31mb\x1b[0mc\x1b[2Kd").map(([text, look]) => `${text}${look.fore}`), ["a-1", "b1", "c-1", "d-1"]);

  // Another size keeps what stands there, and the cursor in sight.
  const screen = new Screen(4, 10);
  const parser = new Parser(screen);
  parser.feed(new TextEncoder().encode("1\r\n2\r\n3\r\n4x"));
  screen.resize(2, 5);
  same("smaller", [screen.read(0), screen.read(1), screen.row, screen.column], ["3", "4x", 1, 2]);
  same("what went off the top", screen.left.map((line) => line.text.join("").trimEnd()), ["1", "2"]);
  screen.resize(3, 12);
  same("larger", [screen.read(0), screen.read(1), screen.read(2)], ["3", "4x", ""]);
  // Whatever comes, the screen stays whole.
  let state = 7;
  const chance = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  const letters = ["\x1b", "[", "?", ";", "1", "9", "H", "J", "K", "r", "h", "l", "L", "M", "P", "@", "m", "S", "T", "\n", "\r", "\b", "\t", "世", "a", "\u0301", "]", "\x07"];
  const wild = new Screen(5, 7);
  const reader = new Parser(wild);
  for (let count = 0; count < 200_000; count += 1) reader.letter(letters[Math.floor(chance() * letters.length)] ?? "a");
  same("rows after noise", wild.lines.length, 5);
  same("columns after noise", wild.lines.every((line) => line.text.length === 7 && line.looks.length === 7), true);
  same("cursor after noise", wild.row >= 0 && wild.row < 5 && wild.column >= 0 && wild.column < 7, true);
  return wrong;
}
