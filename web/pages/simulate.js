// @ts-check
import { h } from "../parts/dom.js";
/** @type {import("../main.js").MakePage} */
export function simulatePage(view, signal) { void signal; return { title: view.page, element: h("div", {}, view.page) }; }
