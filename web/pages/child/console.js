// @ts-check
import { h } from "../../parts/dom.js";
/** @param {string} path @param {AbortSignal} signal */
export function consolePart(path, signal) { void signal; return { element: h("div", {}, path) }; }
