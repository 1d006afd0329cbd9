// @ts-check
// The tree as it is: a snapshot, kept fresh by one stream of events. Nothing is asked again unless something happened.

import { follow, address, get, segment, Trouble } from "../api.js";
import { tell } from "../parts/clock.js";
import { framed } from "../parts/dom.js";

/** How many events are remembered for whoever looks at them. */
const REMEMBERED = 2_000;
/** A tree up to this size is asked for as a whole whenever something happens. */
const SMALL = 150;
/** At most so many children of a larger one are asked for by name. */
const FEW = 6;
/** The least time between two requests for children, and between two for a large tree. */
const [SOON, LATER] = [150, 3_000];

/**
 * How the connection is. `again` is when the next attempt is made.
 *
 * @typedef {{ is: "opening" } | { is: "open" } | { is: "lost", why: string, again: number }} Connection
 */

/** What is known of the tree. */
class Tree {
  constructor() {
    /** @type {Api.Status | null} */
    this.status = null;
    /** @type {Map<string, Api.Child>} */
    this.children = new Map();
    /** Paths in the order of starts, supervisors before their children. @type {string[]} */
    this.order = [];
    /** The latest events, the oldest first. @type {Api.Event[]} */
    this.events = [];
    /** The number of the first event that is remembered, and whether earlier ones can be asked for. */
    this.from = 0;
    /** How many events went missing while we were connected. */
    this.missed = 0;
    /** @type {Connection} */
    this.connection = { is: "opening" };
    /** Why there is no tree to be shown. @type {Trouble | null} */
    this.trouble = null;
    /** Who we are. @type {Api.Me | null} */
    this.me = null;

    /** @type {Set<() => void>} */
    this.listeners = new Set();
    /** @type {Set<(event: Api.Event) => void>} */
    this.readers = new Set();
    /** @type {Set<string>} */
    this.dirty = new Set();
    this.isWholeDirty = false;
    this.isAsking = false;
    this.lastWhole = 0;
    this.cost = 0;
    /** Tells everybody, once per frame. */
    this.changed = framed(() => {
      for (const listener of this.listeners) listener();
    });
  }

  /**
   * Calls `listener` in the frame after something has changed.
   *
   * @param {() => void} listener
   * @param {AbortSignal} signal
   */
  watch(listener, signal) {
    this.listeners.add(listener);
    signal.addEventListener("abort", () => this.listeners.delete(listener));
  }

  /**
   * Calls `reader` for every event that comes.
   *
   * @param {(event: Api.Event) => void} reader
   * @param {AbortSignal} signal
   */
  read(reader, signal) {
    this.readers.add(reader);
    signal.addEventListener("abort", () => this.readers.delete(reader));
  }

  /** Whether we may give commands. */
  get mayCommand() {
    return this.me !== null && this.me.role !== null && this.me.role !== "viewer";
  }

  /** Begins, and goes on for as long as the page is open. */
  async begin() {
    const signal = new AbortController().signal;
    for (let isFirst = true; this.status === null; isFirst = false) {
      if (!isFirst) await new Promise((resolve) => setTimeout(resolve, 2_000));
      try {
        /** @type {[Api.EventPage, Api.Me]} */
        const [page, me] = await Promise.all([get("events", { limit: 300 }), get("me")]);
        this.me = me;
        this.events = page.events;
        this.from = page.events[0]?.seq ?? page.next;
        this.next = page.next;
        await this.askWhole();
        this.trouble = null;
      } catch (error) {
        if (!(error instanceof Trouble)) throw error;
        if (error.status === 401) location.reload();
        this.trouble = error;
        this.connection = { is: "lost", why: error.message, again: Date.now() + 2_000 };
        this.changed();
      }
    }
    let isAgain = false;
    const follower = {
      open: () => {
        this.connection = { is: "open" };
        // What happened meanwhile comes as events; who keeps the tree may have changed without one.
        if (isAgain) this.askSoon(null);
        isAgain = true;
        this.changed();
      },
      told: (/** @type {string} */ name, /** @type {any} */ data) => {
        if (name === "event") this.take(data);
        else if (name === "lagged") this.lag(data);
      },
      lost: (/** @type {number} */ again, /** @type {Trouble} */ why) => {
        this.connection = { is: "lost", why: why.message, again: Date.now() + again };
        this.changed();
      },
      over: (/** @type {Trouble} */ why) => {
        // Who was signed in for too long is led to where one signs in: the same address, asked for again.
        if (why.status === 401) location.reload();
        this.trouble = why;
        this.connection = { is: "lost", why: why.message, again: 0 };
        this.changed();
      },
    };
    // The first stream begins where the first page ended, each later one where the last broke off.
    const place = () => address("events", { from: this.next });
    await follow(place, follower, signal);
  }

  /** @param {Api.Event} event */
  take(event) {
    const last = this.events.at(-1);
    if (last && event.seq <= last.seq) return;
    this.next = event.seq + 1;
    this.events.push(event);
    if (this.events.length > REMEMBERED + 200) {
      this.events.splice(0, this.events.length - REMEMBERED);
      this.from = this.events[0]?.seq ?? this.next;
    }
    for (const reader of this.readers) reader(event);
    const isOther = event.kind === "added" || event.kind === "removed" || event.kind === "replaced";
    this.askSoon(isOther || event.path === "" ? null : event.path);
    this.changed();
  }

  /** @param {Api.Lag} lag */
  lag(lag) {
    this.missed += lag.missed ?? 1;
    if (lag.missed === null) {
      // The numbers are another tree's: what we know is of no use any more.
      this.events = [];
      this.next = undefined;
    }
    this.askSoon(null);
    this.changed();
  }

  /**
   * Notes that a child, or the whole, has to be asked for again.
   *
   * @param {string | null} path
   */
  askSoon(path) {
    if (path === null) this.isWholeDirty = true;
    else this.dirty.add(path);
    if (this.isAsking) return;
    this.isAsking = true;
    // An answer that takes long is asked for less often: what we ask never takes more than a fifth of the time.
    setTimeout(() => void this.ask(), Math.max(SOON, 4 * this.cost));
  }

  async ask() {
    const dirty = [...this.dirty];
    const isSmall = this.children.size <= SMALL;
    const sinceWhole = performance.now() - this.lastWhole;
    const isWhole = isSmall || this.isWholeDirty || dirty.length > FEW || sinceWhole > LATER;
    const began = performance.now();
    try {
      this.dirty.clear();
      if (isWhole) {
        this.isWholeDirty = false;
        await this.askWhole();
        this.cost = isSmall ? 0 : performance.now() - began;
      } else {
        await Promise.all(dirty.map((path) => this.askOne(path)));
        // Numbers of the whole follow a little later, together with what else happens until then.
        this.later ??= setTimeout(() => {
          this.later = undefined;
          this.askSoon(null);
        }, LATER);
      }
      this.trouble = null;
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      for (const path of dirty) this.dirty.add(path);
      this.isWholeDirty = true;
      // Without a connection the stream notices, and asks when it is back.
      if (error.isPassing && this.connection.is === "open") this.cost = Math.max(500, 2 * this.cost);
      else if (!error.isPassing) this.trouble = error;
    }
    this.isAsking = false;
    this.changed();
    if ((this.dirty.size > 0 || this.isWholeDirty) && this.connection.is === "open") {
      this.askSoon([...this.dirty][0] ?? null);
    }
  }

  async askWhole() {
    clearTimeout(this.later);
    this.later = undefined;
    /** @type {Api.Status} */
    const status = await get("status");
    this.lastWhole = performance.now();
    tell(status.now_at);
    const children = new Map();
    // What is as it was keeps its identity, so that nothing is drawn anew for it.
    for (const child of status.children) children.set(child.path, same(this.children.get(child.path), child));
    this.children = children;
    this.order = status.children.map((child) => child.path);
    this.status = status;
    this.changed();
  }

  /** @param {string} path */
  async askOne(path) {
    try {
      /** @type {Api.Child} */
      const child = await get(`children/${segment(path)}`);
      if (this.children.has(path)) this.children.set(path, same(this.children.get(path), child));
      else this.isWholeDirty = true;
    } catch (error) {
      if (error instanceof Trouble && error.status === 404) this.isWholeDirty = true;
      else throw error;
    }
  }

  /** @type {number | undefined} */
  next;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  later;
}

/**
 * @param {Api.Child | undefined} before
 * @param {Api.Child} after
 */
function same(before, after) {
  if (!before) return after;
  const text = (/** @type {Api.Child} */ child) =>
    JSON.stringify(child, (name, value) => (name === "in_ms" ? undefined : value));
  return text(before) === text(after) ? before : after;
}

/** The one tree of this page. */
export const tree = new Tree();
