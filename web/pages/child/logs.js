// @ts-check
// What a child prints, as it prints it: follows, pauses, searches. What is kept here is bounded.

import { address, follow } from "../../api.js";
import { present, query } from "../../state/route.js";
import { tree } from "../../state/tree.js";
import { moment } from "../../parts/clock.js";
import { attribute, fill, framed, h, write } from "../../parts/dom.js";
import { colours, pieces } from "../../parts/terminal/colours.js";
import { failed, loading } from "../../parts/states.js";

/** So many lines are asked for at first, kept, and shown. */
const [FIRST, KEPT, SHOWN] = [1_000, 10_000, 2_000];

/** @typedef {{ line: Api.LogLine | null, note: string | null, plain: string }} Entry */

/**
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {import("../child.js").Part}
 */
export function logsPart(path, signal) {
  /** @type {Entry[]} */
  let entries = [];
  /** @type {Entry[]} Not drawn yet. */
  let fresh = [];
  let isPaused = false;
  let isAtEnd = true;
  let hit = -1;

  const search = h("input", { type: "search", placeholder: "Search the log", "aria-label": "Search the log", value: present().query.get("q") ?? "", on: { input: () => { query({ q: search.value }); redraw(); } } });
  const only = h("input", { type: "checkbox", on: { change: () => redraw() } });
  const found = h("span", { class: "small muted figures", role: "status" });
  const pause = h("button", { type: "button", "aria-pressed": false, on: { click: () => toggle() } }, "Pause");
  const wrap = h("input", { type: "checkbox", on: { change: () => frame.classList.toggle("wrapped", wrap.checked) } });
  const stamps = h("input", { type: "checkbox", set: { checked: true }, on: { change: () => frame.classList.toggle("unstamped", !stamps.checked) } });
  const body = h("div", { class: "log-body" });
  const frame = h("div", { class: "log", tabindex: 0, role: "log", "aria-live": "off", "aria-label": `Log of ${path}` }, body);
  const place = h("div", {}, loading("Opening the log"));
  const jump = h("button", { type: "button", class: "jump", hidden: true, on: { click: () => { isAtEnd = true; toEnd(); } } }, "↓ To the end");
  const element = h(
    "div",
    { class: "log-part" },
    h(
      "div",
      { class: "tools" },
      h("div", { class: "chips" }, pause, h("label", { class: "choice" }, wrap, "Wrap"), h("label", { class: "choice" }, stamps, "Times"), h("label", { class: "choice" }, only, "Only what matches"), found),
      h("div", { class: "search" }, search),
    ),
    place,
    h("div", { class: "log-frame" }, frame, jump),
  );
  const isMany = tree.children.get(path)?.kind === "supervisor" || path === "";

  /** @param {Entry} entry @param {string} wanted */
  function row(entry, wanted) {
    const { line } = entry;
    if (!line) return h("div", { class: "log-note" }, entry.note);
    if (line.stream === "err") frame.classList.add("streams");
    const text = wanted === "" ? colours(line.text) : marked(line.text, wanted);
    return h(
      "div",
      { class: `log-line ${line.stream === "err" ? "err" : ""}` },
      h("span", { class: "log-time figures", "data-run": line.run }, line.at === null ? "" : moment(line.at, true)),
      isMany ? h("span", { class: "log-child" }, line.path.slice(path === "" ? 0 : path.length + 1)) : null,
      line.stream === "err" ? h("span", { class: "log-stream", title: "printed to its error stream" }, "err") : h("span", { class: "log-stream" }),
      h("span", { class: "log-text" }, ...text),
    );
  }

  const word = () => (present().query.get("q") ?? "").toLowerCase();
  const drawFresh = framed(() => {
    if (fresh.length === 0) return;
    if (isPaused) {
      write(pause, `Follow (${fresh.length} new)`);
      if (fresh.length > KEPT) fresh.splice(0, fresh.length - KEPT);
      return;
    }
    const wanted = word();
    const part = document.createDocumentFragment();
    const shown = fresh.slice(-SHOWN).filter((entry) => !only.checked || wanted === "" || entry.plain.includes(wanted));
    for (const entry of shown) part.append(row(entry, wanted));
    entries.push(...fresh);
    fresh = [];
    if (entries.length > KEPT) entries = entries.slice(-KEPT);
    body.append(part);
    while (body.childElementCount > SHOWN) body.firstElementChild?.remove();
    count();
    if (isAtEnd) toEnd();
  });
  const redraw = () => {
    const wanted = word();
    hit = -1;
    const shown = entries.filter((entry) => !only.checked || wanted === "" || entry.plain.includes(wanted)).slice(-SHOWN);
    fill(body, ...shown.map((entry) => row(entry, wanted)));
    count();
    if (isAtEnd) toEnd();
  };
  const count = () => {
    const wanted = word();
    const hits = wanted === "" ? 0 : entries.reduce((sum, entry) => sum + (entry.plain.includes(wanted) ? 1 : 0), 0);
    write(found, wanted === "" ? `${entries.length === 1 ? "1 line" : `${entries.length} lines`}` : `${hits} of ${entries.length} lines match`);
  };
  const toEnd = () => {
    frame.scrollTop = frame.scrollHeight;
    jump.hidden = true;
  };
  frame.addEventListener("scroll", () => {
    isAtEnd = frame.scrollTop + frame.clientHeight > frame.scrollHeight - 24;
    jump.hidden = isAtEnd;
  }, { passive: true });

  const toggle = () => {
    isPaused = !isPaused;
    attribute(pause, "aria-pressed", isPaused);
    write(pause, isPaused ? "Follow" : "Pause");
    if (!isPaused) {
      isAtEnd = true;
      drawFresh();
      toEnd();
    }
  };
  // From one match to the next, as the Enter key does in any search.
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const marks = [...body.querySelectorAll("mark")];
    if (marks.length === 0) return;
    marks[hit]?.classList.remove("here");
    hit = hit < 0 ? marks.length - 1 : (hit + (event.shiftKey ? 1 : marks.length - 1)) % marks.length;
    marks[hit]?.classList.add("here");
    isAtEnd = false;
    marks[hit]?.scrollIntoView({ block: "center" });
    event.preventDefault();
  });

  /** The last line that was read: what comes again after a break is known by it. @type {Api.LogLine | null} */
  let last = null;
  let isAgain = false;
  let skip = 0;
  const place_ = () => {
    const since = isAgain && last?.at != null ? { since: last.at } : { lines: FIRST };
    // Lines of the same millisecond as the last one come again: so many of them are known.
    skip = isAgain && last?.at != null ? entries.concat(fresh).filter((entry) => entry.line?.at === last?.at).length : 0;
    return address("logs", { path: path === "" ? undefined : path, follow: true, ...since });
  };
  const note = (/** @type {string} */ text) => {
    fresh.push({ line: null, note: text, plain: "" });
    drawFresh();
  };
  const begin = () => {
    void follow(place_, {
      open: () => {
        fill(place);
        if (isAgain && last?.at == null) {
          entries = [];
          fresh = [];
          fill(body);
        }
        isAgain = true;
        count();
      },
      told: (name, data) => {
        if (name === "lagged") note("… some lines are left out here: they came faster than they could be read …");
        else if (name === "line") {
          if (skip > 0 && data.at === last?.at) {
            skip -= 1;
            return;
          }
          skip = 0;
          last = data;
          fresh.push({ line: data, note: null, plain: pieces(data.text).map(([text]) => text).join("").toLowerCase() });
          drawFresh();
        }
      },
      over: (why) => {
        if (why.code !== "no-log") {
          fill(place, failed(why, () => begin()));
          return;
        }
        fill(place, h("div", { class: "card" }, h("p", { class: "muted" }, "It has printed nothing yet that is kept. A child has a log once it has run as a process whose output goes to a file.")));
        waitForRun();
      },
    }, signal);
  };
  // A child that has no log may have one with its next run.
  const waitForRun = () => {
    const once = new AbortController();
    signal.addEventListener("abort", () => once.abort());
    tree.read((event) => {
      if (event.path !== path || event.kind !== "started") return;
      once.abort();
      setTimeout(begin, 300);
    }, once.signal);
  };
  begin();
  return {
    element,
    search: () => search.focus(),
    route: () => {
      if (document.activeElement === search) return;
      search.value = present().query.get("q") ?? "";
      redraw();
    },
    key: (key) => {
      if (key !== "f") return false;
      toggle();
      return true;
    },
  };
}

/**
 * A line with what was searched for marked; its own colours give way to that.
 *
 * @param {string} text
 * @param {string} wanted
 */
function marked(text, wanted) {
  const plain = pieces(text).map(([one]) => one).join("");
  const low = plain.toLowerCase();
  /** @type {(Node | string)[]} */
  const parts = [];
  let from = 0;
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    if (at > from) parts.push(plain.slice(from, at));
    parts.push(h("mark", {}, plain.slice(at, at + wanted.length)));
    from = at + wanted.length;
  }
  parts.push(plain.slice(from));
  return parts;
}

