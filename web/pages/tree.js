// @ts-check
// The tree with live states. Only the rows in sight exist; one element has the focus and names the row that is chosen.

import { child as childLink, go, present, query } from "../state/route.js";
import { GROUPS, toneOf, words } from "../state/standing.js";
import { tree } from "../state/tree.js";
import { coarse, moment, ticking } from "../parts/clock.js";
import { attribute, fill, h, once, write } from "../parts/dom.js";
import { Rows } from "../parts/rows.js";
import { sign, signOf, turn } from "../parts/sign.js";

/**
 * A row: a child, how deep it stands, and whether it is there for itself or because something below it is.
 *
 * @typedef {object} Row
 * @property {Api.Child} child
 * @property {number} depth
 * @property {boolean} isAbove
 * @property {"open" | "closed" | null} fold
 */

/** @type {import("../main.js").MakePage} */
export function treePage(_view, signal) {
  let chosen = 0;
  /** @type {Row[]} */
  let rows = [];

  const search = h("input", {
    type: "search",
    placeholder: "Name, state, label=value",
    "aria-label": "Search the tree",
    autocomplete: "off",
    spellcheck: "false",
    value: present().query.get("q") ?? "",
    on: { input: () => query({ q: search.value }) },
  });
  const order = h(
    "select",
    { "aria-label": "Order", on: { change: () => query({ sort: order.value }) } },
    h("option", { value: "" }, "As in the tree"),
    h("option", { value: "restarts" }, "Most restarts first"),
    h("option", { value: "since" }, "Latest change first"),
  );
  const chips = [{ word: "", name: "All", holds: () => true }, ...GROUPS].map((group) => {
    const count = h("span", { class: "figures" });
    const button = h(
      "button",
      { type: "button", class: `chip chip-${group.word || "all"}`, on: { click: () => query({ state: group.word }) } },
      h("span", {}, group.name),
      count,
    );
    return { group, button, count };
  });
  const found = h("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
  const head = h(
    "div",
    { class: "tree-head", role: "row" },
    ...["Child", "State", "Since", "Run", "Restarts", "What comes next"].map((name) =>
      h("span", { role: "columnheader" }, name),
    ),
  );
  const body = h("div", { class: "tree-body", role: "presentation" });
  const none = h("div", { class: "empty", hidden: true });
  const frame = h("div", { class: "tree", role: "treegrid", tabindex: 0, "aria-label": "Children", "aria-readonly": "true" }, head, body, none);
  const health = h("p", { class: "summary" });
  const list = new Rows(frame, body, { make: makeRow, draw: drawRow, key: (row) => row.child.path });

  const page = h(
    "section",
    { class: "tree-page", "aria-label": "Tree" },
    h("h1", { class: "visually-hidden" }, "Tree"),
    h(
      "div",
      { class: "tools" },
      h("div", { class: "chips", role: "group", "aria-label": "Narrow by state" }, ...chips.map((chip) => chip.button)),
      h("div", { class: "search" }, search, order),
    ),
    frame,
    health,
    found,
  );

  /** @param {Row} row */
  function makeRow(row) {
    const name = h("a", { href: childLink(row.child.path), tabindex: -1, class: "name" });
    const mark = sign("down", "idle");
    const fold = h("button", { type: "button", class: "fold", tabindex: -1, on: { click: (/** @type {Event} */ event) => toggle(event, row.child.path) } });
    const element = h(
      "div",
      { role: "row", class: "tree-row", id: `row ${row.child.path}`.replaceAll(" ", "_") },
      h("span", { role: "gridcell", class: "cell-name" }, fold, mark, name, h("span", { class: "flags" })),
      h("span", { role: "gridcell", class: "cell-state" }, h("span", {})),
      h("span", { role: "gridcell", class: "cell-since figures" }),
      h("span", { role: "gridcell", class: "cell-run figures" }),
      h("span", { role: "gridcell", class: "cell-restarts figures" }),
      h("span", { role: "gridcell", class: "cell-next" }, h("span", { class: "figures" }), h("span", {})),
    );
    element.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("a, button")) return;
      go(childLink(row.child.path));
    });
    return element;
  }

  /** @param {HTMLElement} element @param {Row} row @param {number} at */
  function drawRow(element, row, at) {
    const { child } = row;
    attribute(element, "aria-rowindex", at + 2);
    attribute(element, "aria-level", row.depth + 1);
    attribute(element, "aria-expanded", row.fold === null ? null : row.fold === "open");
    attribute(element, "aria-selected", at === chosen);
    element.classList.toggle("above", row.isAbove);
    element.style.setProperty("--depth", String(row.depth));
    if (drawn.get(element) === child && foldOf.get(element) === row.fold) return;
    drawn.set(element, child);
    foldOf.set(element, row.fold);
    const [nameCell, stateCell, sinceCell, runCell, restartsCell, nextCell] = /** @type {HTMLElement[]} */ ([...element.children]);
    if (!nameCell || !stateCell || !sinceCell || !runCell || !restartsCell || !nextCell) return;
    const [fold, mark, name, flags] = [...nameCell.children];
    const tone = toneOf(child);
    element.dataset.tone = tone;
    if (fold) {
      attribute(fold, "hidden", row.fold === null);
      attribute(fold, "aria-label", row.fold === "open" ? `Close ${child.path}` : `Open ${child.path}`);
    }
    turn(/** @type {SVGSVGElement} */ (mark), signOf(child), tone);
    const isFlat = present().query.has("sort");
    if (name) write(name, isFlat ? child.path : child.path.slice(child.path.lastIndexOf("/") + 1));
    const open = child.alerts.filter((alert) => alert.seen_by === null).length;
    if (flags) {
      fill(
        flags,
        open > 0 ? h("span", { class: "flag alert", title: child.alerts.map((alert) => alert.text).join("; ") }, sign("alert", "bad"), open === 1 ? "alert" : `${open} alerts`) : null,
        child.paused ? h("span", { class: "flag" }, "paused") : null,
        child.quarantined ? h("span", { class: "flag" }, "quarantined") : null,
      );
    }
    if (stateCell.firstElementChild) write(stateCell.firstElementChild, words(child));
    attribute(stateCell, "title", child.trouble ?? child.says ?? child.last?.text ?? null);
    ticking(sinceCell, (present) => write(sinceCell, child.since_at === null ? "" : coarse(present - child.since_at)));
    attribute(sinceCell, "title", child.since_at === null ? null : moment(child.since_at, true));
    write(runCell, child.run !== null ? `#${child.run}` : "");
    write(restartsCell, child.restarts || "");
    const [when, what] = [...nextCell.children];
    const next = child.next;
    if (when && what) {
      ticking(nextCell, (present) => write(when, next ? coarse(Math.max(0, next.at - present) + 999) : ""));
      write(what, next?.what ?? "");
    }
  }

  /** @type {WeakMap<HTMLElement, Api.Child>} */
  const drawn = new WeakMap();
  /** @type {WeakMap<HTMLElement, string | null>} */
  const foldOf = new WeakMap();

  const closed = () => new Set((present().query.get("closed") ?? "").split(",").filter((path) => path !== ""));

  /** @param {Event | null} event @param {string} path */
  function toggle(event, path) {
    event?.stopPropagation();
    const now = closed();
    if (!now.delete(path)) now.add(path);
    query({ closed: [...now].join(",") });
  }

  function update() {
    const { query } = present();
    const group = GROUPS.find((group) => group.word === query.get("state"));
    const wanted = (query.get("q") ?? "").toLowerCase().split(/\s+/).filter((word) => word !== "");
    const sort = query.get("sort") ?? "";
    if (document.activeElement !== search) search.value = query.get("q") ?? "";
    order.value = sort;
    for (const { group: one, button, count } of chips) {
      let holds = 0;
      for (const child of tree.children.values()) if (one.holds(child)) holds += 1;
      write(count, holds);
      attribute(button, "aria-pressed", (group?.word ?? "") === one.word);
      button.classList.toggle("none", holds === 0);
    }
    const focused = rows[chosen]?.child.path;
    rows = sort ? flat(sort, group, wanted) : nested(group, wanted, wanted.length > 0 || group ? new Set() : closed());
    const again = rows.findIndex((row) => row.child.path === focused);
    chosen = again >= 0 ? again : Math.min(chosen, Math.max(0, rows.length - 1));
    attribute(frame, "aria-rowcount", rows.length + 1);
    list.set(rows);
    point();
    const isNarrow = group !== undefined || wanted.length > 0;
    const hits = rows.filter((row) => !row.isAbove).length;
    write(found, isNarrow ? `${hits} of ${tree.children.size} children` : "");
    none.hidden = rows.length > 0;
    if (rows.length === 0) {
      write(none, tree.children.size === 0 ? "No children yet: add some to the spec file, or with `mainstay add`." : "No child is like that.");
    }
    const s = tree.status;
    if (s) about({ count: tree.children.size, hits: isNarrow ? hits : null, status: { ...s, children: [], now_at: 0, health: s.health } });
  }

  const about = once((/** @type {{ count: number, hits: number | null, status: Api.Status }} */ { count, hits, status }) => {
    const keeper = status.keeper_pid ? [` · keeper ${status.keeper_pid}`] : [];
    const again = status.brain_restarts > 0 ? `, started again ${status.brain_restarts === 1 ? "once" : `${status.brain_restarts} times`}` : "";
    fill(
      health,
      hits === null ? `${count} ${count === 1 ? "child" : "children"}` : `${hits} of ${count} children`,
      ` · version ${status.version} · brain ${status.brain_pid}${again}`,
      ...keeper,
      status.spec_file ? h("span", {}, " · ", status.spec_file) : null,
    );
  });

  function point() {
    const row = rows[chosen];
    attribute(frame, "aria-activedescendant", row ? `row ${row.child.path}`.replaceAll(" ", "_") : null);
  }

  /** @param {number} to */
  function choose(to) {
    chosen = Math.max(0, Math.min(rows.length - 1, to));
    point();
    list.show(chosen);
    frame.scrollLeft = 0;
  }

  frame.addEventListener("keydown", (event) => {
    if (event.target !== frame || event.altKey || event.ctrlKey || event.metaKey) return;
    const row = rows[chosen];
    if (!row) return;
    const { path } = row.child;
    const last = rows.length - 1;
    switch (event.key) {
      case "ArrowDown": choose(chosen + 1); break;
      case "ArrowUp": choose(chosen - 1); break;
      case "PageDown": choose(chosen + list.page); break;
      case "PageUp": choose(chosen - list.page); break;
      case "Home": choose(0); break;
      case "End": choose(last); break;
      case "ArrowRight":
        if (row.fold === "closed") toggle(null, path);
        else if (row.fold === "open") choose(chosen + 1);
        break;
      case "ArrowLeft": {
        const above = path.slice(0, Math.max(0, path.lastIndexOf("/")));
        if (row.fold === "open" && !present().query.get("q")) toggle(null, path);
        else choose(Math.max(0, rows.findIndex((row) => row.child.path === above)));
        break;
      }
      case "Enter": go(childLink(path)); break;
      default: return;
    }
    event.preventDefault();
  });
  frame.addEventListener("focus", () => list.draw());

  tree.watch(update, signal);
  signal.addEventListener("abort", () => list.close());
  update();
  return { title: "Tree", element: page, route: update, search: () => search.focus() };
}

/** @param {Api.Child} child @param {string[]} wanted */
function matches(child, wanted) {
  return wanted.every((word) => {
    const [name, value] = word.split("=", 2);
    if (name && value !== undefined) {
      return Object.entries(child.labels).some(([key, text]) => key.toLowerCase() === name && text.toLowerCase().startsWith(value));
    }
    const text = `${child.path} ${child.state} ${child.kind} ${child.description ?? ""} ${Object.values(child.labels).join(" ")}`;
    return text.toLowerCase().includes(word);
  });
}

/**
 * Those that match, below those above them.
 *
 * @param {(typeof GROUPS)[number] | undefined} group
 * @param {string[]} wanted
 * @param {Set<string>} closed
 * @returns {Row[]}
 */
function nested(group, wanted, closed) {
  /** @type {Map<string, string[]>} */
  const below = new Map();
  /** @type {Map<string, "match" | "above">} */
  const kept = new Map();
  for (const path of tree.order) {
    const child = tree.children.get(path);
    if (!child) continue;
    const above = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    const siblings = below.get(above);
    if (siblings) siblings.push(path);
    else below.set(above, [path]);
    if (!(group?.holds(child) ?? true) || !matches(child, wanted)) continue;
    kept.set(path, "match");
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const name = path.slice(0, at);
      if (kept.has(name)) break;
      kept.set(name, "above");
    }
  }
  /** @type {Row[]} */
  const rows = [];
  const walk = (/** @type {string} */ above, /** @type {number} */ depth) => {
    for (const path of below.get(above) ?? []) {
      const child = tree.children.get(path);
      const why = kept.get(path);
      if (!child || !why) continue;
      const has = (below.get(path)?.length ?? 0) > 0;
      rows.push({ child, depth, isAbove: why === "above", fold: has ? (closed.has(path) ? "closed" : "open") : null });
      if (has && !closed.has(path)) walk(path, depth + 1);
    }
  };
  walk("", 0);
  return rows;
}

/**
 * Those that match, by a figure.
 *
 * @param {string} sort
 * @param {(typeof GROUPS)[number] | undefined} group
 * @param {string[]} wanted
 * @returns {Row[]}
 */
function flat(sort, group, wanted) {
  const hits = [...tree.children.values()].filter((child) => (group?.holds(child) ?? true) && matches(child, wanted));
  const figure = (/** @type {Api.Child} */ child) => (sort === "since" ? child.since_at ?? 0 : child.restarts);
  hits.sort((a, b) => figure(b) - figure(a) || (a.path < b.path ? -1 : 1));
  return hits.map((child) => ({ child, depth: 0, isAbove: false, fold: null }));
}
