// @ts-check
// Keys that work on every page, and the dialog that lists them.

import { go, link } from "../state/route.js";
import { h } from "./dom.js";
import { open } from "./dialog.js";
import { sign } from "./sign.js";

/** @type {[string, string][]} */
const KEYS = [
  ["/", "search on this page"],
  ["g then t", "the tree"],
  ["g then a", "alerts"],
  ["g then e", "events"],
  ["g then s", "simulate"],
  ["↑ ↓ Home End", "move in the tree, in lists and in the picture of runs"],
  ["→ ←", "open and close a supervisor, or step to its own"],
  ["Enter", "open what is chosen"],
  ["1 … 6", "on a child's page: its parts"],
  ["f", "in a log: follow or pause"],
  ["Ctrl ]", "leave a console's keyboard"],
  ["?", "these keys"],
];

/** @type {[string, string, string][]} */
const SIGNS = [
  ["ready", "good", "ready: can serve"],
  ["starting", "coming", "starting"],
  ["up", "coming", "up, not ready yet"],
  ["stopping", "coming", "asked to end"],
  ["waiting", "wait", "waits for its next run"],
  ["blocked", "wait", "something else must happen first"],
  ["broken", "bad", "its breaker is open"],
  ["failed", "bad", "failed, and gets no further run"],
  ["abandoned", "bad", "could not be ended"],
  ["held", "held", "paused or quarantined"],
  ["down", "idle", "down, as it should be"],
];

export function showKeys() {
  const rows = KEYS.map(([key, text]) =>
    h("div", {}, h("dt", {}, ...key.split(" ").map((one) => (one === "then" || one === "…" ? ` ${one} ` : h("kbd", {}, one)))), h("dd", {}, text)),
  );
  const signs = SIGNS.map(([name, tone, text]) => h("div", {}, h("dt", {}, sign(name, tone)), h("dd", {}, text)));
  open(
    "Keys and signs",
    (close) =>
      h(
        "div",
        { class: "keys" },
        h("section", {}, h("h3", {}, "Keys"), h("dl", {}, ...rows)),
        h("section", {}, h("h3", {}, "Signs"), h("dl", {}, ...signs)),
        h("p", { class: "actions" }, h("button", { type: "button", class: "primary", on: { click: close } }, "Close")),
      ),
    "wide",
  );
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/**
 * Begins to listen.
 *
 * @param {{ search: () => void, other: (key: string) => boolean }} page
 */
export function keys(page) {
  let before = { key: "", at: 0 };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const isAfterG = before.key === "g" && event.timeStamp - before.at < 1_500;
    before = { key: event.key, at: event.timeStamp };
    /** @type {Record<string, import("../state/route.js").PageName>} */
    const places = { t: "tree", a: "alerts", e: "events", s: "simulate" };
    const place = places[event.key];
    if (isAfterG && place) go(link(place));
    else if (event.key === "?") showKeys();
    else if (event.key === "/") page.search();
    else if (!page.other(event.key)) return;
    event.preventDefault();
  });
}
