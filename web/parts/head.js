// @ts-check
// The head of every page, and the line below it that says when the connection is lost.

import { post } from "../api.js";
import { link, onRoute, present } from "../state/route.js";
import { tree } from "../state/tree.js";
import { OVERALL } from "../state/standing.js";
import { since, still, ticking } from "./clock.js";
import { attribute, fill, h, once, s, write } from "./dom.js";
import { sign, turn } from "./sign.js";
import { nextTheme, theme } from "./theme.js";
import { showKeys } from "./keys.js";

/** @type {[import("../state/route.js").PageName, string][]} */
const PLACES = [
  ["tree", "Tree"],
  ["alerts", "Alerts"],
  ["events", "Events"],
  ["simulate", "Simulate"],
];

/**
 * @param {HTMLElement} element
 * @param {HTMLElement} line
 */
export function head(element, line) {
  const name = h("span", { class: "tree-name" }, "Mainstay");
  const mark = sign("up", "idle");
  const overall = h("span", { class: "overall" }, "…");
  const age = h("span", { class: "muted age" });
  const count = h("span", { class: "count", hidden: true });
  const places = PLACES.map(([page, text]) =>
    h("a", { href: link(page), "data-place": page }, text, page === "alerts" ? count : null),
  );
  const me = h("span", { class: "me" });
  const look = h("button", { type: "button", class: "plain", on: { click: () => show(nextTheme()) } });
  const help = h("button", { type: "button", class: "plain", "aria-label": "Keys and words", title: "Keys and words (?)", on: { click: showKeys } }, "?");
  fill(
    element,
    h(
      "div",
      { class: "bar" },
      h("a", { href: link("tree"), class: "home", "aria-label": "To the tree" }, logo(), name),
      h("span", { class: "health" }, mark, overall, age),
      h("nav", { "aria-label": "Pages" }, ...places),
      h("span", { class: "right" }, me, look, help),
    ),
  );
  const show = (/** @type {string} */ present) => {
    const words = { system: "as the system", light: "light", dark: "dark" };
    fill(look, { system: "◐", light: "☀", dark: "☾" }[present] ?? "◐");
    const text = `Colours: ${words[/** @type {keyof typeof words} */ (present)]}`;
    attribute(look, "aria-label", `${text}; change`);
    attribute(look, "title", text);
  };
  show(theme());

  const here = () => {
    const page = present().page;
    for (const place of places) {
      const isHere = place.dataset.place === page || (page === "child" && place.dataset.place === "tree");
      attribute(place, "aria-current", isHere ? "page" : null);
    }
  };
  here();
  onRoute(here);

  const began = once((/** @type {number} */ at) => fill(age, "· up ", since(at)));
  const whole = once((/** @type {Api.Me | null} */ who) => {
    if (!who) return;
    const role = who.role ?? "no role";
    const out = h("button", { type: "button", class: "plain", on: { click: () => void signOut() } }, "Sign out");
    fill(me, h("span", { class: "who" }, who.name), h("span", { class: "role" }, role), who.until_at === null ? null : out);
    attribute(me, "title", who.role === "viewer" ? "You may look, and change nothing" : `You act as ${who.name}`);
  });
  const tell = connectionLine(line);
  tree.watch(() => {
    const { status } = tree;
    tell();
    if (!status) return;
    write(name, status.name);
    began(status.began_at);
    const { tone, text } = OVERALL[status.health.overall];
    const signs = { good: "ready", coming: "up", wait: "waiting", bad: "broken", held: "held", idle: "down" };
    turn(mark, signs[tone], tone);
    write(overall, text);
    const alerts = status.health.alerts;
    write(count, alerts);
    count.hidden = alerts === 0;
    attribute(count, "aria-label", `${alerts} not acknowledged`);
    whole(tree.me);
  }, new AbortController().signal);
}

async function signOut() {
  try {
    await post("sign-out", {});
  } finally {
    // The address is asked for again, and answers with the page where one signs in.
    location.reload();
  }
}

/** Our mark: a mast that stays hold from both sides. */
function logo() {
  return s(
    "svg",
    { class: "logo", viewBox: "0 0 24 24", "aria-hidden": "true" },
    s("path", { class: "mast", d: "M12 3v17" }),
    s("path", { class: "stay", d: "M12 4L4 20M12 4l8 16" }),
    s("path", { class: "deck", d: "M2.5 20.5h19" }),
  );
}

/** @param {HTMLElement} line */
function connectionLine(line) {
  let was = "opening";
  const count = h("span", { class: "figures" });
  const words = h("span", {});
  let missed = 0;
  return () => {
    const { connection } = tree;
    const notices = tree.status?.notices ?? [];
    if (connection.is === "lost") {
      if (was !== "lost") fill(line, words, " ", count);
      write(words, tree.status ? "Connection lost, trying again." : "Nobody answers, trying again.");
      line.className = "line bad";
      ticking(count, () => write(count, `What you see is from ${ageOf()} ago.`));
      if (!tree.status) count.hidden = true;
      else count.hidden = false;
    } else if (was === "lost" && connection.is === "open") {
      still(count);
      const gap = tree.missed - missed;
      line.className = gap > 0 ? "line warn" : "line good";
      fill(line, gap > 0 ? `Connected again; ${gap} events are forgotten by now.` : "Connected again; nothing was missed.");
      setTimeout(() => {
        if (tree.connection.is === "open") fill(line);
      }, 5_000);
    } else if (connection.is === "open" && was === "open") {
      const text = tree.trouble ? `What is shown may be old: ${tree.trouble.message}` : journal() ?? notices[0] ?? "";
      if (text || line.classList.contains("notice")) {
        line.className = text ? "line warn notice" : "line";
        write(line, text);
      }
    }
    if (connection.is !== "lost") missed = tree.missed;
    was = connection.is;
  };
}

let lastOpen = Date.now();
tree.watch(() => {
  if (tree.connection.is === "open") lastOpen = Date.now();
}, new AbortController().signal);

function ageOf() {
  const seconds = Math.max(0, Math.floor((Date.now() - lastOpen) / 1000));
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
}

function journal() {
  const journal = tree.status?.journal;
  if (!journal || journal.durable) return null;
  return `The journal cannot be written (${journal.trouble ?? "unknown"}): what happens now is lost with the program.`;
}
