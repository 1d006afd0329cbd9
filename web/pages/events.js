// @ts-check
// What happened, as it happens, with every number in its place.

import { Trouble, get, isLetGo } from "../api.js";
import { child as childLink, present, query } from "../state/route.js";
import { tree } from "../state/tree.js";
import { day, moment } from "../parts/clock.js";
import { attribute, fill, framed, h, prose, write } from "../parts/dom.js";
import { Rows } from "../parts/rows.js";
import { failed } from "../parts/states.js";
import { linked } from "./child/why.js";

/** Words of events, in groups that make a difference to the eye. @type {Record<string, string>} */
const TONES = {
  exited: "wait", decided: "idle", ready: "good", stable: "good", started: "coming", starting: "coming", rests: "idle",
  alert: "bad", breaker: "bad", "gave-up": "bad", abandoned: "bad", forced: "bad", refused: "wait", unready: "wait",
  commanded: "held", acknowledged: "held", added: "held", removed: "held", replaced: "held",
};

/** How many earlier ones are asked for at once. */
const PAGE = 500;

/** @type {import("../main.js").MakePage} */
export function eventsPage(_view, signal) {
  const part = feed("", signal);
  const element = h("section", { class: "events-page", "aria-label": "Events" }, h("h1", { class: "visually-hidden" }, "Events"), part.element);
  return { ...part, title: "Events", element };
}

/**
 * The events of a child and all below it, or of the whole tree.
 *
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {import("./child.js").Part}
 */
export function feed(path, signal) {
  /** Earlier ones than the tree remembers here. @type {Api.Event[]} */
  let older = [];
  /** @type {Api.Event[]} */
  let rows = [];
  let isAtEnd = true;
  let isPaused = false;
  let held = 0;

  const search = h("input", { type: "search", placeholder: "Words, kind, child", "aria-label": "Search the events", value: present().query.get("q") ?? "", on: { input: () => query({ q: search.value }) } });
  const pause = h("button", { type: "button", "aria-pressed": false, on: { click: () => toggle() } }, "Pause");
  const earlier = h("button", { type: "button", on: { click: () => void askEarlier() } }, "Earlier ones");
  const count = h("span", { class: "small muted figures", role: "status", "aria-live": "off" });
  const trouble = h("div", {});
  const body = h("div", { class: "feed-body" });
  const frame = h("div", { class: "feed", tabindex: 0, role: "log", "aria-live": "off", "aria-label": "Events, the latest below" }, body);
  const element = h("div", { class: "feed-part" }, h("div", { class: "tools" }, h("div", { class: "chips" }, pause, earlier, count), h("div", { class: "search" }, search)), trouble, frame);
  const list = new Rows(frame, body, { make, draw, key: (event) => String(event.seq) });
  signal.addEventListener("abort", () => list.close());

  /** @param {Api.Event} event */
  function make(event) {
    return h(
      "div",
      { class: "feed-row", "data-seq": event.seq },
      h("span", { class: "figures muted seq" }, event.seq),
      h("time", { class: "figures muted", datetime: new Date(event.at).toISOString(), title: `${day(event.at)} ${moment(event.at, true)}` }, moment(event.at, true)),
      h("span", { class: "feed-child" }, event.path ? h("a", { href: childLink(event.path), tabindex: -1 }, event.path) : h("span", { class: "muted" }, "the tree"), event.run === null ? null : h("span", { class: "muted figures" }, `#${event.run}`)),
      h("span", { class: `kind tone-${TONES[event.kind] ?? "idle"}` }, event.kind),
      h("span", { class: "feed-text", title: event.text }, ...prose(event.text, linked)),
    );
  }
  /** @param {HTMLElement} row @param {Api.Event} _event @param {number} at */
  function draw(row, _event, at) {
    row.classList.toggle("odd", at % 2 === 1);
  }

  const wanted = () => (present().query.get("q") ?? "").toLowerCase().split(/\s+/).filter((word) => word !== "");
  const isOurs = (/** @type {Api.Event} */ event) => path === "" || event.path === path || event.path.startsWith(`${path}/`);

  const update = () => {
    if (document.activeElement !== search) search.value = present().query.get("q") ?? "";
    if (isPaused) {
      held = tree.events.filter((event) => isOurs(event) && event.seq > (rows.at(-1)?.seq ?? 0)).length;
      write(pause, held > 0 ? `Go on (${held} new)` : "Go on");
      return;
    }
    const words = wanted();
    const all = older.length > 0 ? [...older, ...tree.events] : tree.events;
    rows = all.filter((event) => isOurs(event) && words.every((word) => `${event.path} ${event.kind} ${event.text}`.toLowerCase().includes(word)));
    const isFollowed = isAtEnd;
    list.set(rows);
    write(count, words.length > 0 ? `${rows.length} of ${all.filter(isOurs).length} events` : `${rows.length} events`);
    const first = all[0]?.seq ?? 1;
    attribute(earlier, "disabled", first <= 1 || isForgotten);
    if (isFollowed) toEnd();
  };
  const toEnd = framed(() => {
    list.drawNow();
    frame.scrollTop = frame.scrollHeight;
    list.drawNow();
  });
  frame.addEventListener("scroll", () => {
    isAtEnd = frame.scrollTop + frame.clientHeight > frame.scrollHeight - 30;
  }, { passive: true });

  function toggle() {
    isPaused = !isPaused;
    attribute(pause, "aria-pressed", isPaused);
    write(pause, isPaused ? "Go on" : "Pause");
    if (!isPaused) isAtEnd = true;
    update();
  }

  let isForgotten = false;
  async function askEarlier() {
    const first = older[0]?.seq ?? tree.events[0]?.seq ?? 1;
    const from = Math.max(1, first - PAGE);
    try {
      /** @type {Api.EventPage} */
      const page = await get("events", { from, limit: Math.max(1, Math.min(PAGE, first - from)) }, signal);
      const found = page.events.filter((event) => event.seq < first);
      isForgotten = found.length === 0;
      const before = frame.scrollHeight;
      isAtEnd = false;
      older = [...found, ...older];
      update();
      list.drawNow();
      // What was in sight stays in sight.
      frame.scrollTop += frame.scrollHeight - before;
      fill(trouble, isForgotten ? h("p", { class: "small muted" }, "Earlier ones are forgotten.") : null);
    } catch (error) {
      if (isLetGo(error)) return;
      if (!(error instanceof Trouble)) throw error;
      fill(trouble, failed(error));
    }
  }

  tree.watch(update, signal);
  update();
  return {
    element,
    route: update,
    search: () => search.focus(),
    key: (key) => {
      if (key !== "f") return false;
      toggle();
      return true;
    },
  };
}
