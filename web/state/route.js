// @ts-check
// What is shown stands in the address: a link shows somebody else the same.

import { ROOT } from "../api.js";

/** @typedef {"tree" | "child" | "alerts" | "events" | "simulate" | "unknown"} PageName */

/**
 * @typedef {object} View
 * @property {PageName} page
 * @property {string} path the child it is about, where it is about one
 * @property {URLSearchParams} query
 */

const PAGES = new Set(["alerts", "events", "simulate"]);
const PREFIX = new URL("ui/", ROOT).pathname;

/** @type {Set<(view: View) => void>} */
const listeners = new Set();

/**
 * Reads an address.
 *
 * @param {URL} url
 * @returns {View}
 */
export function read(url) {
  const query = url.searchParams;
  const rest = url.pathname.startsWith(PREFIX) ? url.pathname.slice(PREFIX.length) : "";
  const [page = "", ...path] = rest.split("/");
  if (page === "") return { page: "tree", path: "", query };
  try {
    if (page === "child") return { page, path: path.map(decodeURIComponent).join("/"), query };
  } catch {
    return { page: "unknown", path: rest, query };
  }
  if (PAGES.has(page) && path.length === 0) return { page: /** @type {PageName} */ (page), path: "", query };
  return { page: "unknown", path: rest, query };
}

/** Returns what the present address shows. */
export function present() {
  return read(new URL(location.href));
}

/**
 * Makes the address of a page.
 *
 * @param {PageName} page
 * @param {string} [path]
 * @param {Record<string, string | number | null | undefined>} [query]
 */
export function link(page, path = "", query = {}) {
  const parts = page === "tree" ? [] : [page, ...(page === "child" ? path.split("/").map(encodeURIComponent) : [])];
  const url = new URL(parts.join("/"), new URL("ui/", ROOT));
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return url.pathname + url.search;
}

/**
 * Makes the address of a child's page.
 *
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query]
 */
export function child(path, query) {
  return link("child", path, query);
}

/**
 * Goes somewhere.
 *
 * @param {string} to
 * @param {boolean} [replace] without a step in the history: for what changes with every letter typed
 */
export function go(to, replace = false) {
  if (to === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  for (const listener of listeners) listener(present());
}

/**
 * Changes some of the query of the present page.
 *
 * @param {Record<string, string | number | null>} changes `null` takes one away
 * @param {boolean} [replace]
 */
export function query(changes, replace = true) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, String(value));
  }
  go(url.pathname + url.search, replace);
}

/** @param {(view: View) => void} listener */
export function onRoute(listener) {
  listeners.add(listener);
}

/** Begins to hear of the buttons back and forward, and of links to our own pages. */
export function begin() {
  window.addEventListener("popstate", () => {
    for (const listener of listeners) listener(present());
  });
  document.addEventListener("click", (event) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const anchor = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!isPlain || !anchor || event.defaultPrevented || anchor.hasAttribute("download")) return;
    const href = anchor.getAttribute("href") ?? "";
    if (href.startsWith("#") || anchor.getAttribute("target")) return;
    const url = new URL(href, location.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(PREFIX)) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });
}
