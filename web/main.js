// @ts-check
// The shell: who the tree is, how it is, where one can go, whether we are connected; and the page that the address names.

import { begin as beginRoutes, onRoute, present } from "./state/route.js";
import { tree } from "./state/tree.js";
import { head } from "./parts/head.js";
import { keys } from "./parts/keys.js";
import { fill, h } from "./parts/dom.js";
import { alertsPage } from "./pages/alerts.js";
import { childPage } from "./pages/child.js";
import { eventsPage } from "./pages/events.js";
import { simulatePage } from "./pages/simulate.js";
import { treePage } from "./pages/tree.js";
import { failed, loading, lost } from "./parts/states.js";

/**
 * A page: what it shows, and what it does when its address changes without becoming another page's.
 *
 * @typedef {object} Page
 * @property {string} title
 * @property {Node} element
 * @property {(view: import("./state/route.js").View) => void} [route]
 * @property {() => void} [search] brings the keyboard to what one searches with
 * @property {(key: string) => boolean} [key] hears of a key that nobody else took; says whether it took it
 */

/** @typedef {(view: import("./state/route.js").View, signal: AbortSignal) => Page} MakePage */

/** @type {Record<string, MakePage>} */
const PAGES = {
  tree: treePage,
  child: childPage,
  alerts: alertsPage,
  events: eventsPage,
  simulate: simulatePage,
  unknown: () => ({ title: "Unknown address", element: lost("There is no such page.") }),
};

const place = /** @type {HTMLElement} */ (document.getElementById("page"));

/** @type {{ page: Page, name: string, end: AbortController } | null} */
let shown = null;

function show() {
  const view = present();
  const name = `${view.page} ${view.path}`;
  if (shown && shown.name === name) {
    shown.page.route?.(view);
    return;
  }
  const isFirst = shown === null;
  shown?.end.abort();
  const end = new AbortController();
  const page = (PAGES[view.page] ?? PAGES.unknown)?.(view, end.signal);
  if (!page) return;
  shown = { page, name, end };
  place.dataset.page = view.page;
  fill(place, page.element);
  retitle();
  if (!isFirst) {
    window.scrollTo(0, 0);
    // The keyboard begins anew on a new page, and a screen reader says where it is.
    place.focus({ preventScroll: true });
  }
}

function retitle() {
  const name = tree.status?.name ?? "Mainstay";
  const count = tree.status?.health.alerts ?? 0;
  const title = `${count > 0 ? `(${count}) ` : ""}${shown ? `${shown.page.title} · ` : ""}${name}`;
  if (document.title !== title) document.title = title;
}

head(
  /** @type {HTMLElement} */ (document.getElementById("head")),
  /** @type {HTMLElement} */ (document.getElementById("line")),
);
keys({
  search: () => shown?.page.search?.(),
  other: (key) => shown?.page.key?.(key) ?? false,
});
beginRoutes();
onRoute(show);

const forever = new AbortController().signal;
let hasBegun = false;
tree.watch(() => {
  if (tree.status && !hasBegun) {
    hasBegun = true;
    show();
  } else if (!tree.status && tree.trouble) {
    fill(place, failed(tree.trouble, "It is tried again by itself."));
  }
  retitle();
}, forever);

fill(place, h("div", { class: "card" }, loading("The tree is being read")));
void tree.begin();
