// @ts-check
// Rows of which only those in sight exist, however many there are: all are equally high.

import { framed } from "./dom.js";

/** How many rows beyond the edges are made, so that scrolling meets none that is missing. */
const BEYOND = 10;

/**
 * @template T
 */
export class Rows {
  /**
   * @param {HTMLElement} frame scrolls
   * @param {HTMLElement} body is as high as all rows together
   * @param {{ make: (item: T) => HTMLElement, draw: (row: HTMLElement, item: T, at: number) => void, key: (item: T) => string }} how
   */
  constructor(frame, body, how) {
    this.frame = frame;
    this.body = body;
    this.how = how;
    /** @type {T[]} */
    this.items = [];
    /** @type {Map<string, HTMLElement>} */
    this.made = new Map();
    this.height = 0;
    this.draw = framed(() => this.drawNow());
    frame.addEventListener("scroll", this.draw, { passive: true });
    this.observer = new ResizeObserver(this.draw);
    this.observer.observe(frame);
  }

  close() {
    this.observer.disconnect();
  }

  /** @param {T[]} items */
  set(items) {
    this.items = items;
    this.draw();
  }

  /** How high a row is: the style says so, and the width of the window. */
  measure() {
    return parseFloat(getComputedStyle(this.body).getPropertyValue("--row")) || 36;
  }

  drawNow() {
    if (!this.frame.isConnected) return;
    const height = this.measure();
    if (height !== this.height) {
      this.height = height;
      for (const row of this.made.values()) row.style.removeProperty("transform");
    }
    this.body.style.height = `${this.items.length * height}px`;
    const top = Math.max(0, this.frame.scrollTop - this.body.offsetTop);
    const first = Math.max(0, Math.floor(top / height) - BEYOND);
    const last = Math.min(this.items.length, Math.ceil((top + this.frame.clientHeight) / height) + BEYOND);
    const gone = new Map(this.made);
    /** @type {HTMLElement | null} */
    let before = null;
    for (let at = first; at < last; at += 1) {
      const item = this.items[at];
      if (item === undefined) continue;
      const key = this.how.key(item);
      let row = this.made.get(key);
      if (row) gone.delete(key);
      else {
        row = this.how.make(item);
        this.made.set(key, row);
      }
      this.how.draw(row, item, at);
      const place = `translateY(${at * height}px)`;
      if (row.style.transform !== place) row.style.transform = place;
      // Screen readers take rows in the order in which they stand.
      /** @type {Node | null} */
      const wanted = before ? before.nextSibling : this.body.firstChild;
      if (wanted !== row) this.body.insertBefore(row, wanted);
      before = row;
    }
    for (const [key, row] of gone) {
      row.remove();
      this.made.delete(key);
    }
  }

  /**
   * Brings a row into sight.
   *
   * @param {number} at
   */
  show(at) {
    const height = this.measure();
    const above = this.body.offsetTop;
    // What stands above the rows stays in sight and covers them.
    const [top, bottom] = [at * height, (at + 1) * height + above];
    if (top < this.frame.scrollTop) this.frame.scrollTop = top;
    else if (bottom > this.frame.scrollTop + this.frame.clientHeight) {
      this.frame.scrollTop = bottom - this.frame.clientHeight;
    }
    this.drawNow();
  }

  /** How many rows fit. */
  get page() {
    return Math.max(1, Math.floor(this.frame.clientHeight / this.measure()) - 1);
  }
}
