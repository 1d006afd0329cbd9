// @ts-check
// A budget as a gauge: how many count now, how many may, and when the oldest stops counting.

import { child as childLink } from "../state/route.js";
import { moment, until } from "./clock.js";
import { h } from "./dom.js";

/** Up to so many each has a cell of its own. */
const CELLS = 24;

/**
 * @param {Api.Limit} limit
 * @param {string} path whose page it stands on
 */
export function gauge(limit, path) {
  const isSpent = limit.used >= limit.most;
  const tone = isSpent ? "bad" : limit.used * 3 >= limit.most * 2 ? "wait" : "good";
  const text = `${limit.used} of ${limit.most} used`;
  const meter = h(
    "div",
    {
      class: `gauge tone-${tone}`,
      role: "meter",
      "aria-label": limit.text,
      "aria-valuemin": 0,
      "aria-valuemax": limit.most,
      "aria-valuenow": Math.min(limit.used, limit.most),
      "aria-valuetext": text,
    },
  );
  if (limit.most <= CELLS) {
    for (let at = 0; at < limit.most; at += 1) meter.append(h("span", { class: at < limit.used ? "cell used" : "cell" }));
  } else {
    const part = h("span", { class: "part" });
    part.style.width = `${Math.min(100, (100 * limit.used) / limit.most)}%`;
    meter.append(part);
  }
  const owner = limit.owner === path ? null : h("span", {}, " · of ", h("a", { href: childLink(limit.owner) }, limit.owner || "the tree"));
  const frees =
    limit.frees_at === null
      ? null
      : h("span", { title: moment(limit.frees_at, true) }, " · one less counts ", until(limit.frees_at, { done: "any moment" }));
  return h(
    "div",
    { class: "limit" },
    h("p", { class: "limit-text" }, limit.text, owner),
    meter,
    h("p", { class: "small muted" }, h("span", { class: isSpent ? "spent" : "" }, isSpent ? `${text}: spent` : text), frees),
  );
}
