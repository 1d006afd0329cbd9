// @ts-check
// The screen of a terminal: a grid of letters with looks, a place to write at, and what programs may do with them. It
// knows no bytes (parser.js) and no page (view.js).

import { PLAIN } from "./colours.js";
import { widthOf } from "./width.js";

/** Lines that have left the screen are handed on; at most so many wait for that. */
const LEFT = 2_000;

/**
 * One line. A letter that takes two places leaves the second one empty: "".
 *
 * @typedef {{ text: string[], looks: import("./colours.js").Look[] }} Line
 */

/** @typedef {{ row: number, column: number, look: import("./colours.js").Look, isOrigin: boolean }} Place */

/** @param {number} columns @param {import("./colours.js").Look} look @returns {Line} */
function blank(columns, look = PLAIN) {
  // What is erased keeps the ground it was erased with, and nothing else.
  const ground = look.back === -1 ? PLAIN : { fore: -1, back: look.back, marks: 0 };
  return { text: Array(columns).fill(" "), looks: Array(columns).fill(ground) };
}

export class Screen {
  /** @param {number} rows @param {number} columns */
  constructor(rows, columns) {
    this.rows = rows;
    this.columns = columns;
    this.reset();
  }

  /** @type {Line[]} */
  lines = [];
  /** Lines that went off the top, until somebody takes them. @type {Line[]} */
  left = [];
  /** Rows to be drawn anew. @type {Set<number>} */
  dirty = new Set();
  row = 0;
  column = 0;
  /** The last place of a line was written: the next letter goes to the next line. */
  isFull = false;
  /** @type {import("./colours.js").Look} */
  look = PLAIN;
  top = 0;
  bottom = 0;
  isOrigin = false;
  wraps = true;
  inserts = false;
  isCursorShown = true;
  isKeypad = false;
  isCursorKeys = false;
  isPasteMarked = false;
  title = "";
  lastLetter = " ";
  /** @type {Set<number>} */
  tabs = new Set();
  /** @type {Place} */
  saved = { row: 0, column: 0, look: PLAIN, isOrigin: false };
  /** What stood on the usual screen while the other one is shown. @type {{ lines: Line[], saved: Place } | null} */
  usual = null;

  reset() {
    this.lines = Array.from({ length: this.rows }, () => blank(this.columns));
    this.left = [];
    [this.row, this.column, this.isFull] = [0, 0, false];
    this.look = PLAIN;
    [this.top, this.bottom, this.isOrigin] = [0, this.rows - 1, false];
    [this.wraps, this.inserts, this.isCursorShown] = [true, false, true];
    [this.isKeypad, this.isCursorKeys, this.isPasteMarked] = [false, false, false];
    [this.title, this.lastLetter, this.usual] = ["", " ", null];
    this.tabs = new Set(Array.from({ length: Math.ceil(this.columns / 8) }, (_, at) => at * 8));
    this.saved = this.place();
    this.dirtyAll();
  }

  dirtyAll() {
    this.dirty = new Set(Array.from({ length: this.rows }, (_, at) => at));
  }

  /** @returns {Place} */
  place() {
    return { row: this.row, column: this.column, look: this.look, isOrigin: this.isOrigin };
  }

  /** @param {number} row */
  line(row) {
    return /** @type {Line} */ (this.lines[row]);
  }

  /** @param {number} row */
  touch(row) {
    this.dirty.add(row);
  }

  /**
   * Gives the screen another size. Lines keep their beginning, and the last ones stay in sight.
   *
   * @param {number} rows
   * @param {number} columns
   */
  resize(rows, columns) {
    if (rows === this.rows && columns === this.columns) return;
    for (const lines of [this.lines, this.usual?.lines ?? []]) {
      for (const line of lines) {
        line.text.length = Math.min(line.text.length, columns);
        line.looks.length = line.text.length;
        while (line.text.length < columns) {
          line.text.push(" ");
          line.looks.push(PLAIN);
        }
      }
      // Empty lines below the place of writing go first, then lines at the top.
      while (lines.length > rows) {
        if (lines === this.lines && lines.length - 1 > this.row && isBlank(/** @type {Line} */ (lines.at(-1)))) lines.pop();
        else {
          const gone = lines.shift();
          if (lines === this.lines) {
            if (gone && !this.usual) this.leave(gone);
            this.row = Math.max(0, this.row - 1);
          }
        }
      }
      while (lines.length < rows) lines.push(blank(columns));
    }
    this.rows = rows;
    this.columns = columns;
    this.top = 0;
    this.bottom = rows - 1;
    this.row = Math.min(this.row, rows - 1);
    this.column = Math.min(this.column, columns - 1);
    this.isFull = false;
    for (let at = 0; at < columns; at += 8) this.tabs.add(at);
    this.dirtyAll();
  }

  /** @param {Line} line */
  leave(line) {
    this.left.push(line);
    if (this.left.length > LEFT) this.left.splice(0, this.left.length - LEFT);
  }

  /** @param {string} letter one code point */
  print(letter) {
    const width = widthOf(letter);
    if (width === 0) {
      // What goes onto the letter before.
      const line = this.line(this.row);
      let at = this.isFull ? this.column : this.column - 1;
      if (at > 0 && line.text[at] === "") at -= 1;
      if (at >= 0 && (line.text[at] ?? "").length < 16) line.text[at] += letter;
      this.touch(this.row);
      return;
    }
    if (this.isFull && this.wraps) {
      this.column = 0;
      this.feed();
    }
    if (width === 2 && this.column === this.columns - 1) {
      if (this.wraps) {
        this.column = 0;
        this.feed();
      } else this.column = Math.max(0, this.column - 1);
    }
    this.isFull = false;
    const line = this.line(this.row);
    if (this.inserts) this.insert(width);
    this.part(line, this.column);
    this.part(line, this.column + width);
    line.text[this.column] = letter;
    line.looks[this.column] = this.look;
    if (width === 2 && this.column + 1 < this.columns) {
      line.text[this.column + 1] = "";
      line.looks[this.column + 1] = this.look;
    }
    this.touch(this.row);
    this.lastLetter = letter;
    this.column += width;
    if (this.column >= this.columns) {
      this.column = this.columns - 1;
      this.isFull = true;
    }
  }

  /**
   * Takes a letter of two places apart whose second half is at `column`.
   *
   * @param {Line} line
   * @param {number} column
   */
  part(line, column) {
    if (column > 0 && column < this.columns && line.text[column] === "") {
      line.text[column - 1] = " ";
      line.text[column] = " ";
    }
  }

  /** Goes to the next line, and makes one where there is none. */
  feed() {
    this.isFull = false;
    if (this.row === this.bottom) this.scroll(1);
    else if (this.row < this.rows - 1) this.moveTo(this.row + 1, this.column);
  }

  /** Goes to the line above, and makes one where there is none. */
  back() {
    this.isFull = false;
    if (this.row === this.top) this.scroll(-1);
    else if (this.row > 0) this.moveTo(this.row - 1, this.column);
  }

  /**
   * Moves what lies between the margins up, or with a negative number down.
   *
   * @param {number} by
   * @param {number} [top]
   */
  scroll(by, top = this.top) {
    const count = Math.min(Math.abs(by), this.bottom - top + 1);
    const { lines } = this;
    for (let at = 0; at < count; at += 1) {
      if (by > 0) {
        const [gone] = lines.splice(top, 1);
        if (gone && top === 0 && !this.usual) this.leave(gone);
        lines.splice(this.bottom, 0, blank(this.columns, this.look));
      } else {
        lines.splice(this.bottom, 1);
        lines.splice(top, 0, blank(this.columns, this.look));
      }
    }
    for (let row = top; row <= this.bottom; row += 1) this.touch(row);
  }

  /** @param {number} row @param {number} column */
  moveTo(row, column) {
    this.touch(this.row);
    this.row = Math.max(0, Math.min(this.rows - 1, row));
    this.column = Math.max(0, Math.min(this.columns - 1, column));
    this.isFull = false;
    this.touch(this.row);
  }

  /**
   * Goes to a place as programs name it: counted within the margins where they say so.
   *
   * @param {number} row
   * @param {number} column
   */
  address(row, column) {
    if (this.isOrigin) this.moveTo(Math.min(this.bottom, this.top + row), column);
    else this.moveTo(row, column);
  }

  /**
   * Goes up or down, and stops at a margin.
   *
   * @param {number} by
   */
  rise(by) {
    const isInside = this.row >= this.top && this.row <= this.bottom;
    const [least, most] = isInside ? [this.top, this.bottom] : [0, this.rows - 1];
    this.moveTo(Math.max(least, Math.min(most, this.row + by)), this.column);
  }

  /** @param {number} by */
  tab(by) {
    const stops = [...(this.tabs)].sort((a, b) => a - b);
    for (let left = Math.abs(by); left > 0; left -= 1) {
      const to = by > 0 ? stops.find((stop) => stop > this.column) ?? this.columns - 1 : stops.filter((stop) => stop < this.column).at(-1) ?? 0;
      this.moveTo(this.row, to);
    }
  }

  /**
   * Erases part of a line.
   *
   * @param {number} row
   * @param {number} from
   * @param {number} to
   */
  eraseLine(row, from = 0, to = this.columns) {
    const line = this.line(row);
    const empty = blank(1, this.look);
    this.part(line, from);
    this.part(line, to);
    for (let at = Math.max(0, from); at < Math.min(to, this.columns); at += 1) {
      line.text[at] = " ";
      line.looks[at] = /** @type {import("./colours.js").Look} */ (empty.looks[0]);
    }
    this.touch(row);
  }

  /**
   * Erases from a line to another.
   *
   * @param {number} from
   * @param {number} to
   */
  eraseRows(from, to) {
    for (let row = from; row < to; row += 1) this.eraseLine(row);
  }

  /** Makes room for so many letters. @param {number} count */
  insert(count) {
    const line = this.line(this.row);
    const made = blank(Math.min(count, this.columns - this.column), this.look);
    this.part(line, this.column);
    line.text.splice(this.column, 0, ...made.text);
    line.looks.splice(this.column, 0, ...made.looks);
    line.text.length = this.columns;
    line.looks.length = this.columns;
    this.touch(this.row);
  }

  /** Takes so many letters away. @param {number} count */
  remove(count) {
    const line = this.line(this.row);
    const taken = Math.min(count, this.columns - this.column);
    this.part(line, this.column);
    this.part(line, this.column + taken);
    const made = blank(taken, this.look);
    line.text.splice(this.column, taken);
    line.looks.splice(this.column, taken);
    line.text.push(...made.text);
    line.looks.push(...made.looks);
    this.touch(this.row);
  }

  /** Makes room for lines, or with a negative number takes some away. @param {number} count */
  insertLines(count) {
    if (this.row < this.top || this.row > this.bottom) return;
    this.scroll(-count, this.row);
    this.moveTo(this.row, 0);
  }

  save() {
    this.saved = this.place();
  }

  restore() {
    const { saved } = this;
    this.look = saved.look;
    this.isOrigin = saved.isOrigin;
    this.moveTo(saved.row, saved.column);
  }

  /**
   * Shows the other screen, which programs that fill it use, or the usual one again.
   *
   * @param {boolean} isOther
   */
  swap(isOther) {
    if (isOther === (this.usual !== null)) return;
    if (isOther) {
      this.usual = { lines: this.lines, saved: this.place() };
      this.lines = Array.from({ length: this.rows }, () => blank(this.columns));
    } else if (this.usual) {
      this.lines = this.usual.lines;
      const saved = this.usual.saved;
      this.usual = null;
      this.look = saved.look;
      this.moveTo(saved.row, saved.column);
    }
    this.top = 0;
    this.bottom = this.rows - 1;
    this.dirtyAll();
  }

  /** @param {number} top @param {number} bottom */
  margins(top, bottom) {
    if (top >= bottom || bottom >= this.rows) return;
    this.top = top;
    this.bottom = bottom;
    this.address(0, 0);
  }

  /** Returns what a line says, without the empty rest. @param {number} row */
  read(row) {
    return this.line(row).text.join("").trimEnd();
  }
}

/** @param {Line} line */
function isBlank(line) {
  return line.text.every((letter) => letter === " ");
}
