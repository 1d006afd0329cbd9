// @ts-check
// A terminal on a page: its screen as rows of text, what was above it, a keyboard, and the size that fits.

import { attribute, framed, h } from "../dom.js";
import { INVERSE, PLAIN, dressLetters, isSame } from "./colours.js";
import { Parser } from "./parser.js";
import { Screen } from "./screen.js";
import { pasted, typedBy } from "./typing.js";

/** So many lines that went off the top are kept on the page. */
const ABOVE = 1_000;

export class Terminal {
  /**
   * @param {string} label
   * @param {{ type: (text: string) => void, size: (rows: number, columns: number) => void, leave: () => void }} to
   */
  constructor(label, to) {
    this.to = to;
    this.screen = new Screen(24, 80);
    this.parser = new Parser(this.screen);
    this.isReadOnly = false;
    this.above = h("div", { class: "term-above" });
    this.body = h("div", { class: "term-rows" });
    this.probe = h("span", { class: "term-probe", "aria-hidden": "true" }, "X".repeat(40));
    this.content = h("div", { class: "term-content" }, this.above, this.body, this.probe);
    // Letters are typed into a field, so that input methods, pasting and screen readers work as in any other.
    this.field = h("textarea", {
      class: "term-field",
      "aria-label": label,
      autocapitalize: "off",
      autocomplete: "off",
      spellcheck: "false",
      rows: 1,
    });
    this.frame = h("div", { class: "term", role: "group", "aria-label": `${label}: what is on the screen` }, this.content);
    this.element = h("div", { class: "term-frame" }, this.frame, this.field);
    this.isAtEnd = true;
    this.draw = framed(() => this.drawNow());
    this.observer = new ResizeObserver(framed(() => this.fit()));
    this.observer.observe(this.frame);
    this.listen();
  }

  close() {
    this.observer.disconnect();
  }

  /** @param {Uint8Array} bytes */
  feed(bytes) {
    this.parser.feed(bytes);
    this.draw();
  }

  /** Begins anew: what comes is the screen from its beginning. */
  reset() {
    this.screen.reset();
    this.parser = new Parser(this.screen);
    this.above.replaceChildren();
    this.draw();
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }

  /** @param {boolean} isReadOnly */
  readOnly(isReadOnly) {
    this.isReadOnly = isReadOnly;
    attribute(this.field, "readonly", isReadOnly);
  }

  /** Gives the screen the size of its frame. */
  fit() {
    const letter = this.probe.getBoundingClientRect();
    const style = getComputedStyle(this.frame);
    const wide = this.frame.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const high = this.frame.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    if (letter.width === 0 || letter.height === 0 || wide <= 0) return;
    const columns = Math.max(20, Math.min(400, Math.floor(wide / (letter.width / 40))));
    const rows = Math.max(4, Math.min(200, Math.floor(high / letter.height)));
    if (rows === this.screen.rows && columns === this.screen.columns) return;
    this.screen.resize(rows, columns);
    this.body.replaceChildren();
    this.to.size(rows, columns);
    this.draw();
  }

  listen() {
    const { field, frame } = this;
    frame.addEventListener("mouseup", () => {
      // Whoever has marked a text wants to copy it.
      if ((getSelection()?.toString() ?? "") === "") this.focus();
    });
    frame.addEventListener("scroll", () => {
      this.isAtEnd = frame.scrollTop + frame.clientHeight > frame.scrollHeight - 20;
    }, { passive: true });
    field.addEventListener("focus", () => this.touchCursor());
    field.addEventListener("blur", () => this.touchCursor());
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.ctrlKey && event.key === "]") {
        event.preventDefault();
        this.to.leave();
        return;
      }
      const isCopy = event.ctrlKey && event.shiftKey && /^[cv]$/i.test(event.key);
      if (isCopy || (this.isReadOnly && event.key === "Tab")) return;
      const text = typedBy(event, this.screen);
      if (text === null) return;
      event.preventDefault();
      event.stopPropagation();
      this.send(text);
    });
    field.addEventListener("input", (event) => {
      if (/** @type {InputEvent} */ (event).isComposing) return;
      this.send(field.value);
      field.value = "";
    });
    field.addEventListener("compositionend", () => {
      this.send(field.value);
      field.value = "";
    });
    field.addEventListener("paste", (event) => {
      event.preventDefault();
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (text !== "") this.send(pasted(text, this.screen.isPasteMarked));
    });
  }

  touchCursor() {
    this.screen.touch(this.screen.row);
    this.draw();
  }

  /** @param {string} text */
  send(text) {
    if (this.isReadOnly || text === "") return;
    this.isAtEnd = true;
    this.to.type(text);
  }

  drawNow() {
    const { screen, body } = this;
    const gone = screen.left.splice(0);
    if (gone.length > 0) {
      const part = document.createDocumentFragment();
      for (const line of gone.slice(-ABOVE)) part.append(h("div", { class: "term-row" }, ...this.letters(line, -1)));
      this.above.append(part);
      while (this.above.childElementCount > ABOVE) this.above.firstElementChild?.remove();
    }
    while (body.childElementCount < screen.rows) {
      body.append(h("div", { class: "term-row" }));
      screen.touch(body.childElementCount - 1);
    }
    while (body.childElementCount > screen.rows) body.lastElementChild?.remove();
    if (this.drawnCursor !== undefined) screen.touch(this.drawnCursor);
    screen.touch(screen.row);
    for (const row of screen.dirty) {
      const element = body.children[row];
      if (element) element.replaceChildren(...this.letters(screen.line(row), row === screen.row && screen.isCursorShown ? screen.column : -1));
    }
    screen.dirty.clear();
    this.drawnCursor = screen.row;
    this.frame.classList.toggle("other-screen", screen.usual !== null);
    if (this.isAtEnd) this.frame.scrollTop = this.frame.scrollHeight;
    // The field stands where the cursor is: there an input method shows what it offers.
    const cursor = body.children[screen.row]?.querySelector(".cursor");
    if (cursor instanceof HTMLElement) {
      const [box, outer] = [cursor.getBoundingClientRect(), this.element.getBoundingClientRect()];
      this.field.style.transform = `translate(${Math.max(0, box.left - outer.left)}px, ${Math.max(0, box.top - outer.top)}px)`;
    }
  }

  /**
   * @param {import("./screen.js").Line} line
   * @param {number} cursor
   * @returns {Node[]}
   */
  letters(line, cursor) {
    /** @type {Node[]} */
    const parts = [];
    let text = "";
    let look = PLAIN;
    const end = () => {
      if (text === "") return;
      if (isSame(look, PLAIN)) parts.push(document.createTextNode(text));
      else {
        const element = h("span", {}, text);
        dressLetters(element, look);
        parts.push(element);
      }
      text = "";
    };
    let last = line.text.length;
    while (last > 0 && last - 1 !== cursor && line.text[last - 1] === " " && isSame(line.looks[last - 1] ?? PLAIN, PLAIN)) last -= 1;
    for (let at = 0; at < last; at += 1) {
      const letter = line.text[at] ?? " ";
      const own = line.looks[at] ?? PLAIN;
      if (at === cursor) {
        end();
        const element = h("span", { class: "cursor" }, letter || " ");
        dressLetters(element, { ...own, marks: own.marks & ~INVERSE });
        parts.push(element);
        continue;
      }
      if (letter === "") continue;
      if (!isSame(own, look)) {
        end();
        look = own;
      }
      // A letter of two places is given both, whatever the width that its font has.
      if (line.text[at + 1] === "") {
        end();
        const element = h("span", { class: "two" }, letter);
        dressLetters(element, own);
        parts.push(element);
      } else text += letter;
    }
    end();
    return parts;
  }

  /** @type {number | undefined} */
  drawnCursor;
}
