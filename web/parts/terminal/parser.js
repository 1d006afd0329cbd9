// @ts-check
// From bytes to what happens on a screen: the part of ECMA-48 and of what xterm added to it that programs use.
//
// Questions that a program asks its terminal are left unanswered. Several people look at one terminal, each with a screen
// of their own, and every answer would reach the program as something that somebody typed.

import { graphics, numbersOf } from "./colours.js";

const [GROUND, ESCAPE, BESIDE, SEQUENCE, TEXT, TEXT_ESCAPE] = [0, 1, 2, 3, 4, 5];

/** What a sequence may have at most before it is taken for none. */
const [LONGEST, LONGEST_TEXT] = [256, 4_096];

/** Letters of the set for lines, from ` to ~. */
const LINES = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

export class Parser {
  /** @param {import("./screen.js").Screen} screen */
  constructor(screen) {
    this.screen = screen;
    this.decoder = new TextDecoder();
    this.state = GROUND;
    this.kept = "";
    this.isTitle = false;
    /** Which of the two sets of letters has lines, and which is in use. @type {[boolean, boolean]} */
    this.hasLines = [false, false];
    this.set = 0;
    this.beside = "";
  }

  /** @param {Uint8Array} bytes */
  feed(bytes) {
    for (const letter of this.decoder.decode(bytes, { stream: true })) this.letter(letter);
  }

  /** @param {string} letter */
  letter(letter) {
    const code = letter.codePointAt(0) ?? 0;
    if (this.state >= TEXT) {
      this.inText(letter, code);
      return;
    }
    if (code === 0x1b) {
      this.state = ESCAPE;
      this.kept = "";
      return;
    }
    if (code === 0x18 || code === 0x1a) {
      this.state = GROUND;
      return;
    }
    // Control characters hold within sequences as well.
    if (code < 0x20) {
      this.control(code);
      return;
    }
    if (code === 0x7f) return;
    switch (this.state) {
      case GROUND:
        this.screen.print(this.hasLines[this.set] && code >= 0x60 && code <= 0x7e ? LINES[code - 0x60] ?? letter : letter);
        return;
      case ESCAPE:
        this.escape(letter, code);
        return;
      case BESIDE:
        if (code < 0x30) return;
        if (this.beside === "(") this.hasLines[0] = letter === "0";
        else if (this.beside === ")") this.hasLines[1] = letter === "0";
        else if (this.beside === "#" && letter === "8") this.fill();
        this.state = GROUND;
        return;
      default:
        if (code >= 0x40 && code <= 0x7e) {
          this.state = GROUND;
          this.sequence(letter);
        } else {
          this.kept += letter;
          if (this.kept.length > LONGEST) this.state = GROUND;
        }
    }
  }

  /** @param {string} letter @param {number} code */
  inText(letter, code) {
    const isEnd = code === 0x07 || (this.state === TEXT_ESCAPE && letter === "\\");
    if (isEnd || code === 0x18 || code === 0x1a) {
      if (isEnd && this.isTitle) {
        const found = /^[02];(.*)$/s.exec(this.kept);
        if (found) this.screen.title = (found[1] ?? "").slice(0, 200);
      }
      this.state = GROUND;
    } else if (this.state === TEXT_ESCAPE) {
      // It was broken off by another sequence.
      this.state = ESCAPE;
      this.kept = "";
      this.letter(letter);
    } else if (code === 0x1b) this.state = TEXT_ESCAPE;
    else if (this.kept.length < LONGEST_TEXT) this.kept += letter;
  }

  /** @param {number} code */
  control(code) {
    const { screen } = this;
    if (code === 0x08) screen.moveTo(screen.row, screen.column - (screen.isFull ? 0 : 1));
    else if (code === 0x09) screen.tab(1);
    else if (code === 0x0a || code === 0x0b || code === 0x0c) screen.feed();
    else if (code === 0x0d) screen.moveTo(screen.row, 0);
    else if (code === 0x0e) this.set = 1;
    else if (code === 0x0f) this.set = 0;
  }

  /** @param {string} letter @param {number} code */
  escape(letter, code) {
    const { screen } = this;
    this.state = GROUND;
    switch (letter) {
      case "[": this.state = SEQUENCE; break;
      case "]": [this.state, this.isTitle] = [TEXT, true]; break;
      case "P": case "^": case "_": case "X": [this.state, this.isTitle] = [TEXT, false]; break;
      case "7": screen.save(); break;
      case "8": screen.restore(); break;
      case "D": screen.feed(); break;
      case "E": screen.moveTo(screen.row, 0); screen.feed(); break;
      case "H": screen.tabs.add(screen.column); break;
      case "M": screen.back(); break;
      case "=": screen.isKeypad = true; break;
      case ">": screen.isKeypad = false; break;
      case "c": screen.reset(); this.hasLines = [false, false]; this.set = 0; break;
      default:
        if (code < 0x30) [this.state, this.beside] = [BESIDE, letter];
    }
  }

  /** A screen full of E, with which one adjusted real ones: programs that test terminals use it. */
  fill() {
    const { screen } = this;
    screen.top = 0;
    screen.bottom = screen.rows - 1;
    for (let row = 0; row < screen.rows; row += 1) {
      screen.eraseLine(row);
      screen.line(row).text.fill("E");
    }
    screen.moveTo(0, 0);
  }

  /** @param {string} final */
  sequence(final) {
    const { screen } = this;
    const found = /^([<=>?]?)([0-9;:]*)([ -/]*)$/.exec(this.kept);
    if (!found) return;
    const [, mark, text = "", between] = found;
    const numbers = numbersOf(text);
    const one = Math.max(1, numbers[0] ?? 1);
    if (between === "!" && final === "p") {
      // A soft reset leaves what is on the screen.
      [screen.look, screen.isOrigin, screen.inserts, screen.wraps, screen.isCursorShown] = [graphics(screen.look, []), false, false, true, true];
      [screen.top, screen.bottom, screen.isCursorKeys] = [0, screen.rows - 1, false];
      return;
    }
    if (between !== "") return;
    if (mark === "?") {
      if (final === "h" || final === "l") for (const number of numbers) this.mode(number, final === "h");
      else if (final === "J" || final === "K") this.erase(final, numbers[0] ?? 0);
      return;
    }
    if (mark !== "") return;
    switch (final) {
      case "@": screen.insert(one); break;
      case "A": screen.rise(-one); break;
      case "B": case "e": screen.rise(one); break;
      case "C": case "a": screen.moveTo(screen.row, screen.column + one); break;
      case "D": screen.moveTo(screen.row, screen.column - one); break;
      case "E": screen.rise(one); screen.moveTo(screen.row, 0); break;
      case "F": screen.rise(-one); screen.moveTo(screen.row, 0); break;
      case "G": case "`": screen.moveTo(screen.row, one - 1); break;
      case "H": case "f": screen.address(one - 1, Math.max(1, numbers[1] ?? 1) - 1); break;
      case "I": screen.tab(Math.min(one, screen.columns)); break;
      case "Z": screen.tab(-Math.min(one, screen.columns)); break;
      case "J": case "K": this.erase(final, numbers[0] ?? 0); break;
      case "L": screen.insertLines(one); break;
      case "M": screen.insertLines(-one); break;
      case "P": screen.remove(one); break;
      case "S": screen.scroll(one); break;
      case "T": screen.scroll(-one); break;
      case "X": screen.eraseLine(screen.row, screen.column, screen.column + one); break;
      case "b": for (let at = 0; at < Math.min(one, screen.columns * screen.rows); at += 1) screen.print(screen.lastLetter); break;
      case "d": screen.address(one - 1, screen.column); break;
      case "g": if (numbers[0] === 3) screen.tabs.clear(); else screen.tabs.delete(screen.column); break;
      case "h": case "l": if (numbers.includes(4)) screen.inserts = final === "h"; break;
      case "m": screen.look = graphics(screen.look, numbers); break;
      case "r": screen.margins(one - 1, Math.min(numbers[1] || screen.rows, screen.rows) - 1); break;
      case "s": screen.save(); break;
      case "u": screen.restore(); break;
      default:
    }
  }

  /** @param {string} final @param {number} what */
  erase(final, what) {
    const { screen } = this;
    if (final === "K") {
      if (what === 0) screen.eraseLine(screen.row, screen.column);
      else if (what === 1) screen.eraseLine(screen.row, 0, screen.column + 1);
      else if (what === 2) screen.eraseLine(screen.row);
    } else if (what === 0) {
      screen.eraseLine(screen.row, screen.column);
      screen.eraseRows(screen.row + 1, screen.rows);
    } else if (what === 1) {
      screen.eraseRows(0, screen.row);
      screen.eraseLine(screen.row, 0, screen.column + 1);
    } else if (what === 2) screen.eraseRows(0, screen.rows);
    screen.isFull = false;
  }

  /** @param {number} number @param {boolean} isOn */
  mode(number, isOn) {
    const { screen } = this;
    if (number === 1) screen.isCursorKeys = isOn;
    else if (number === 6) {
      screen.isOrigin = isOn;
      screen.address(0, 0);
    } else if (number === 7) screen.wraps = isOn;
    else if (number === 25) {
      screen.isCursorShown = isOn;
      screen.touch(screen.row);
    } else if (number === 47 || number === 1047) screen.swap(isOn);
    else if (number === 1048) isOn ? screen.save() : screen.restore();
    else if (number === 1049) {
      if (isOn) screen.save();
      screen.swap(isOn);
      if (!isOn) screen.restore();
    } else if (number === 2004) screen.isPasteMarked = isOn;
  }
}
