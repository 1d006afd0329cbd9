// @ts-check
// What a person must see, and who has seen it.

import { Trouble, get, isLetGo } from "../api.js";
import { child as childLink } from "../state/route.js";
import { tree } from "../state/tree.js";
import { confirm, offer } from "../parts/command.js";
import { moment, since } from "../parts/clock.js";
import { fill, framed, h, once } from "../parts/dom.js";
import { sign } from "../parts/sign.js";
import { empty, failed, loading, sentence } from "../parts/states.js";

/** @type {import("../main.js").MakePage} */
export function alertsPage(_view, signal) {
  const place = h("div", {}, loading("Asking for alerts"));
  const element = h("section", { class: "narrow", "aria-label": "Alerts" }, h("h1", {}, "Alerts"), place);
  const draw = once((/** @type {Api.Alert[]} */ all) => {
    const open = all.filter((alert) => alert.seen_by === null);
    const seen = all.filter((alert) => alert.seen_by !== null);
    const focused = document.activeElement?.closest("[data-alert]")?.getAttribute("data-alert");
    fill(
      place,
      open.length === 0 ? h("div", { class: "card" }, empty("Nothing needs anybody.", "Breakers that open, children that cannot start or are given up are shown here until somebody acknowledges them.")) : null,
      open.length > 0 ? h("ul", { class: "stack", "aria-label": "Not acknowledged" }, ...open.map((alert) => alertCard(alert, true))) : null,
      seen.length > 0 ? h("h2", { class: "section" }, "Acknowledged") : null,
      seen.length > 0 ? h("ul", { class: "stack", "aria-label": "Acknowledged" }, ...seen.map((alert) => alertCard(alert, true))) : null,
    );
    if (focused) /** @type {HTMLElement | null} */ (place.querySelector(`[data-alert="${CSS.escape(focused)}"] button`))?.focus();
  });
  let isAsking = false;
  let isStale = true;
  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    while (isStale && !signal.aborted) {
      isStale = false;
      try {
        draw(await get("alerts", {}, signal));
      } catch (error) {
        if (isLetGo(error)) return;
        if (!(error instanceof Trouble)) throw error;
        if (place.querySelector(".loading") || !error.isPassing) fill(place, failed(error, () => { isStale = true; void ask(); }));
      }
    }
    isAsking = false;
  };
  const soon = framed(() => void ask());
  tree.read((event) => {
    if (!["alert", "acknowledged", "breaker", "removed", "stable", "released", "commanded", "ready"].includes(event.kind)) return;
    isStale = true;
    soon();
  }, signal);
  soon();
  return { title: "Alerts", element };
}

/**
 * One alert.
 *
 * @param {Api.Alert} alert
 * @param {boolean} isNamed whether it says whose it is
 */
export function alertCard(alert, isNamed) {
  const isOpen = alert.seen_by === null;
  const again = alert.again > 0 ? `, and ${alert.again === 1 ? "once" : `${alert.again} times`} again` : "";
  const mayAct = tree.mayCommand;
  return h(
    "li",
    { class: `card alert-card ${isOpen ? "open" : "seen-card"}`, "data-alert": `${alert.path} ${alert.kind}` },
    sign(isOpen ? "alert" : "ready", isOpen ? "bad" : "idle"),
    h(
      "div",
      { class: "alert-text" },
      h("p", {}, isNamed ? h("a", { class: "strong", href: childLink(alert.path) }, alert.path || "The tree") : null, isNamed ? ": " : null, h("span", { class: isNamed ? "" : "strong" }, isNamed ? alert.text : sentence(alert.text))),
      h("p", { class: "small muted" }, `Since ${moment(alert.since_at)}, `, since(alert.since_at), ` ago${again}. `, alert.over ? "The cause is over." : "It goes on."),
      isOpen ? null : h("p", { class: "small" }, `Acknowledged by ${alert.seen_by}${alert.seen_at === null ? "" : ` at ${moment(alert.seen_at)}`}: ${alert.seen_why ?? ""}`),
    ),
    isOpen
      ? h(
          "div",
          { class: "alert-act" },
          h(
            "button",
            {
              type: "button",
              "aria-disabled": mayAct ? null : "true",
              "aria-label": `Acknowledge the alerts of ${alert.path}`,
              on: { click: () => mayAct && confirm(alert.path, offer("acknowledge", "You have seen its alerts. They fall silent, and nothing else changes.")) },
            },
            "Acknowledge …",
          ),
          mayAct ? null : h("span", { class: "small muted" }, "Needs the role operator."),
        )
      : null,
  );
}
