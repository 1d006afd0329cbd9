// @ts-check
// One child: its head, what can be asked of it, and the parts that a click or a digit leads to.

import { child as childLink, go, link, present } from "../state/route.js";
import { toneOf, words } from "../state/standing.js";
import { tree } from "../state/tree.js";
import { commands } from "../parts/command.js";
import { attribute, fill, h, once, write } from "../parts/dom.js";
import { since } from "../parts/clock.js";
import { sign, signOf, turn } from "../parts/sign.js";
import { lost } from "../parts/states.js";
import { consolePart } from "./child/console.js";
import { factsCard, nextCard } from "./child/facts.js";
import { logsPart } from "./child/logs.js";
import { policyPart } from "./child/policy.js";
import { runsPart } from "./child/runs.js";
import { whyPart } from "./child/why.js";
import { feed } from "./events.js";

/**
 * A part of the page of a child.
 *
 * @typedef {object} Part
 * @property {Node} element
 * @property {() => void} [route]
 * @property {() => void} [search]
 * @property {(key: string) => boolean} [key]
 */

/** @type {[string, string, (path: string, signal: AbortSignal) => Part][]} */
const PARTS = [
  ["", "Why", whyPart],
  ["runs", "Runs", runsPart],
  ["logs", "Logs", logsPart],
  ["console", "Console", consolePart],
  ["events", "Events", (path, signal) => feed(path, signal)],
  ["policy", "Policy", policyPart],
];

/** @type {import("../main.js").MakePage} */
export function childPage(view, signal) {
  const { path } = view;
  const mark = sign("down", "idle");
  const badge = h("span", { class: "badge" }, mark, h("span", {}));
  const state = h("p", { class: "child-state" });
  const about = h("p", { class: "child-about" });
  const above = path.split("/").slice(0, -1);
  const crumbs = h(
    "nav",
    { "aria-label": "Where it stands", class: "crumbs" },
    h("a", { href: link("tree") }, "Tree"),
    ...above.map((name, at) => [" / ", h("a", { href: childLink(path.split("/").slice(0, at + 1).join("/")) }, name)]).flat(),
    path === "" ? null : " /",
  );
  const tabs = PARTS.map(([word, name]) => h("a", { href: childLink(path, { view: word }), "data-part": word }, name));
  const place = h("div", { class: "part" });
  const aside = h("aside", { class: "aside", "aria-label": "Now" });
  const page = h(
    "div",
    { class: "child-page" },
    h(
      "header",
      { class: "child-head" },
      crumbs,
      h("div", { class: "child-title" }, h("h1", {}, path.slice(path.lastIndexOf("/") + 1) || tree.status?.name || "The tree"), badge),
      state,
      about,
    ),
    h("nav", { class: "tabs", "aria-label": "Parts" }, ...tabs),
    h("div", { class: "columns" }, place, aside),
  );
  const gone = h("div", { hidden: true }, lost(`There is no child ${path} in the tree.`));
  const whole = h("div", {}, page, gone);

  const next = nextCard();
  const facts = factsCard();
  aside.append(next.element, commands(path, signal), facts.element);

  /** @type {{ word: string, part: Part, end: AbortController } | null} */
  let shown = null;
  const route = () => {
    const word = present().query.get("view") ?? "";
    const found = PARTS.find(([name]) => name === word) ?? PARTS[0];
    if (!found) return;
    if (shown && shown.word === found[0]) {
      shown.part.route?.();
      return;
    }
    shown?.end.abort();
    const end = new AbortController();
    shown = { word: found[0], part: found[2](path, end.signal), end };
    fill(place, shown.part.element);
    // What needs the width has it: a log, a console, a table.
    page.classList.toggle("wide", found[0] !== "" && found[0] !== "policy");
    for (const tab of tabs) attribute(tab, "aria-current", tab.dataset.part === found[0] ? "page" : null);
  };
  signal.addEventListener("abort", () => shown?.end.abort());

  const drawState = once((/** @type {[string, number | null, string | null]} */ [text, at, trouble]) => {
    fill(state, text, at === null ? null : h("span", { class: "muted" }, " · for ", since(at)), trouble ? h("span", { class: "muted" }, ` · ${trouble}`) : null);
  });
  const update = () => {
    const child = tree.children.get(path);
    // A supervisor has no terminal, and neither has what is no process.
    for (const tab of tabs) if (tab.dataset.part === "console") tab.hidden = child?.kind === "supervisor" || path === "";
    const isRoot = path === "";
    page.hidden = !child && !isRoot;
    gone.hidden = !page.hidden;
    if (!child) return;
    const tone = toneOf(child);
    badge.className = `badge tone-${tone}`;
    turn(mark, signOf(child), tone);
    if (badge.lastElementChild) write(badge.lastElementChild, child.standing);
    drawState([words(child), child.since_at, child.says]);
    write(about, child.description ?? "");
    next.draw(child);
    facts.draw(child);
  };
  tree.watch(update, signal);
  update();
  route();
  return {
    title: path || "The tree",
    element: whole,
    route,
    search: () => shown?.part.search?.(),
    key: (key) => {
      const part = PARTS[Number(key) - 1];
      if (part) {
        go(childLink(path, { view: part[0] }));
        return true;
      }
      return shown?.part.key?.(key) ?? false;
    },
  };
}
