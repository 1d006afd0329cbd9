// @ts-check
// The effective policy of a child, setting by setting, with where each came from.

import { Trouble, get, isLetGo, segment } from "../../api.js";
import { link } from "../../state/route.js";
import { tree } from "../../state/tree.js";
import { fill, h, once } from "../../parts/dom.js";
import { failed, loading } from "../../parts/states.js";

/**
 * @param {string} path
 * @param {AbortSignal} signal
 */
export function policyPart(path, signal) {
  const place = h("div", {}, loading("Reading its policy"));
  const element = h(
    "section",
    { class: "card", "aria-label": "Policy" },
    h("div", { class: "card-head" }, h("h2", {}, "Policy in effect"), h("a", { class: "button", href: link("simulate", "", { path }) }, "Try another one")),
    place,
  );
  const draw = once((/** @type {Api.Setting[]} */ settings) => {
    fill(
      place,
      h(
        "div",
        { class: "scroll" },
        h(
          "table",
          { class: "settings" },
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Setting"), h("th", { scope: "col" }, "Value"), h("th", { scope: "col" }, "Comes from"))),
          h("tbody", {}, ...settings.map((one) => h("tr", { class: one.source === "default" ? "stock" : "" }, h("th", { scope: "row" }, h("code", {}, one.name)), h("td", {}, one.value), h("td", {}, one.source)))),
        ),
      ),
    );
  });
  const ask = async () => {
    try {
      /** @type {Api.Explanation} */
      const told = await get(`explain/${segment(path)}`, {}, signal);
      draw(told.policy);
    } catch (error) {
      if (isLetGo(error)) return;
      if (!(error instanceof Trouble)) throw error;
      fill(place, failed(error, () => void ask()));
    }
  };
  tree.read((event) => {
    if (event.kind === "replaced" && (event.path === path || event.path === "")) void ask();
  }, signal);
  void ask();
  return { element };
}
