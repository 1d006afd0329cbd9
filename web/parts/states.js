// @ts-check
// What stands where something will be, could not be had, or is not there.

import { h } from "./dom.js";
import { sign } from "./sign.js";

/** @param {string} text */
export function loading(text) {
  return h("p", { class: "loading", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), text, " …");
}

/**
 * @param {string} text
 * @param {string} [more]
 */
export function empty(text, more) {
  return h("div", { class: "empty" }, h("p", {}, text), more ? h("p", { class: "muted" }, more) : null);
}

/**
 * Says what went wrong, and what helps.
 *
 * @param {import("../api.js").Trouble} trouble
 * @param {string | (() => void)} [again] what happens next, or what tries it again
 */
export function failed(trouble, again) {
  return h(
    "div",
    { class: "failed", role: "alert" },
    sign("broken", "bad"),
    h(
      "div",
      {},
      h("p", { class: "strong" }, sentence(trouble.message)),
      trouble.hint ? h("p", {}, sentence(trouble.hint)) : null,
      trouble.details.length > 0 ? h("ul", {}, ...trouble.details.map((one) => h("li", {}, h("code", {}, one)))) : null,
      typeof again === "string" ? h("p", { class: "muted" }, again) : null,
      typeof again === "function" ? h("button", { type: "button", on: { click: again } }, "Try again") : null,
    ),
  );
}

/** @param {string} text */
export function lost(text) {
  return h("div", { class: "card" }, empty(text, "The address may be of a child that has left the tree."));
}

/** @param {string} text */
export function sentence(text) {
  return ended(text.charAt(0).toUpperCase() + text.slice(1));
}

/**
 * The same of a text that begins with a name, which is left as it is.
 *
 * @param {string} text
 */
export function ended(text) {
  return /[.!?:…]$/.test(text) ? text : `${text}.`;
}
