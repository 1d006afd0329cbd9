// @ts-check
// Runs as a table, the latest first, and all that is known of one of them.

import { Trouble, get, isLetGo, segment } from "../../api.js";
import { child as childLink, present } from "../../state/route.js";
import { ENDS, endOf } from "../../state/standing.js";
import { tree } from "../../state/tree.js";
import { bytes, moment, span } from "../../parts/clock.js";
import { attribute, fill, h, prose } from "../../parts/dom.js";
import { empty, failed, loading } from "../../parts/states.js";
import { colours } from "../../parts/terminal/colours.js";
import { sign } from "../../parts/sign.js";
import { linked, trail } from "./why.js";

const PAGE = 50;

/** @type {Record<ReturnType<typeof endOf>, [string, string]>} */
const SIGNS = { live: ["ready", "good"], fine: ["ready", "idle"], asked: ["stopping", "idle"], failure: ["failed", "bad"], violent: ["broken", "bad"] };

/**
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {import("../child.js").Part}
 */
export function runsPart(path, signal) {
  const body = h("tbody", {});
  const table = h(
    "table",
    { class: "runs-table", hidden: true },
    h("thead", {}, h("tr", {}, ...["Run", "Began", "Lived", "How it ended", "What was decided", "By"].map((name) => h("th", { scope: "col" }, name)))),
    body,
  );
  const place = h("div", {}, loading("Reading its runs"));
  const more = h("button", { type: "button", hidden: true, on: { click: () => void ask(true) } }, "Earlier runs");
  const list = h("section", { class: "card", "aria-label": "Runs" }, h("h2", {}, "Runs that have ended"), place, h("div", { class: "scroll" }, table), more);
  const detail = h("div", {});
  const element = h("div", { class: "stack" }, detail, list);
  /** @type {Map<string, Api.Run>} */
  const known = new Map();

  const ask = async (isMore = false) => {
    try {
      const last = isMore ? [...known.values()].at(-1)?.ended_at : undefined;
      /** @type {Api.Run[]} */
      const page = await get("history", { path: path || undefined, limit: PAGE, before: last }, signal);
      if (!isMore) {
        // What is new comes first; what was asked for before stays below it.
        const old = [...known];
        known.clear();
        for (const run of page) known.set(`${run.path}#${run.run}`, run);
        for (const [key, run] of old) if (!known.has(key)) known.set(key, run);
      } else {
        for (const run of page) known.set(`${run.path}#${run.run}`, run);
      }
      if (isMore || known.size <= PAGE) more.hidden = page.length < PAGE;
      fill(place, known.size === 0 ? empty("No run has ended yet.") : null);
      table.hidden = known.size === 0;
      draw();
    } catch (error) {
      if (isLetGo(error)) return;
      if (!(error instanceof Trouble)) throw error;
      if (known.size === 0) fill(place, failed(error, () => void ask(isMore)));
    }
  };
  const draw = () => {
    const chosen = present().query.get("run");
    fill(
      body,
      ...[...known.values()].map((run) => {
        const end = endOf(run);
        const [name, tone] = SIGNS[end];
        const isHere = run.path === path && String(run.run) === chosen;
        return h(
          "tr",
          { class: run.cause?.is_failure ? "is-failure" : "", "aria-current": isHere ? "true" : null },
          h("td", {}, h("a", { href: childLink(run.path, { view: "runs", run: run.run }), class: "figures" }, run.path === path ? `#${run.run}` : `${run.path.slice(path.length ? path.length + 1 : 0)}#${run.run}`)),
          h("td", { class: "figures" }, moment(run.began_at)),
          h("td", { class: "figures" }, run.lived_ms === null ? "" : span(run.lived_ms)),
          h("td", {}, h("span", { class: "end-cell" }, sign(name, tone), h("span", {}, run.cause?.text ?? ENDS[end]))),
          h("td", { class: "muted" }, ...prose(run.action?.text ?? "", linked)),
          h("td", { class: "muted" }, run.by ?? ""),
        );
      }),
    );
  };

  /** @type {string | null} */
  let told = null;
  const route = () => {
    const run = present().query.get("run");
    draw();
    if (run === told) return;
    told = run;
    if (run === null) fill(detail);
    else void postmortem(path, run, detail, signal);
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  tree.read((event) => {
    if (event.kind !== "decided" || !(event.path === path || event.path.startsWith(path === "" ? "" : `${path}/`))) return;
    later ??= setTimeout(() => {
      later = undefined;
      void ask();
    }, 300);
  }, signal);
  signal.addEventListener("abort", () => clearTimeout(later));
  void ask();
  route();
  return { element, route };
}

/**
 * @param {string} path
 * @param {string} number
 * @param {HTMLElement} place
 * @param {AbortSignal} signal
 */
async function postmortem(path, number, place, signal) {
  const card = h("section", { class: "card postmortem", "aria-label": `Run #${number}` }, loading(`Reading run #${number}`));
  fill(place, card);
  /** @type {Api.Run} */
  let run;
  try {
    run = await get(`postmortem/${segment(path)}/${encodeURIComponent(number)}`, {}, signal);
  } catch (error) {
    if (isLetGo(error)) return;
    if (!(error instanceof Trouble)) throw error;
    fill(card, failed(error, () => void postmortem(path, number, place, signal)));
    return;
  }
  const end = endOf(run);
  const [name, tone] = SIGNS[end];
  /** @type {[string, import("../../parts/dom.js").Kid | import("../../parts/dom.js").Kid[]][]} */
  const facts = [
    ["Began", moment(run.began_at, true)],
    ["Ready", run.ready_at === null ? "never" : `${moment(run.ready_at, true)}, after ${span(run.ready_at - run.began_at)}`],
    ["Ended", run.ended_at === null ? "it lives" : `${moment(run.ended_at, true)}, after ${span(run.lived_ms ?? run.ended_at - run.began_at)}`],
    ["By", run.by],
    ["Decided", run.action ? prose(run.action.text, linked) : null],
    ["Next run", run.action?.restart_at ? moment(run.action.restart_at, true) : null],
    ["Process", run.pid === null ? null : `pid ${run.pid}, revision ${run.revision} of its spec`],
    ["Used", run.user_ms + run.system_ms + run.memory > 0 ? `${span(run.user_ms)} in its own code, ${span(run.system_ms)} in the kernel${run.memory > 0 ? `, ${bytes(run.memory)} of memory at the most` : ""}` : null],
    ["Not kept", run.lost > 0 ? `${bytes(run.lost)} of its output` : null],
  ];
  const step = (/** @type {number} */ to, /** @type {string} */ text) =>
    h("a", { class: "button", href: childLink(path, { view: "runs", run: to }), "aria-disabled": to < 1 ? "true" : null }, text);
  fill(
    card,
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, sign(name, tone), `Run #${run.run}`),
      h("div", { class: "chips" }, run.run > 1 ? step(run.run - 1, "← Before") : null, run.ended_at === null ? null : step(run.run + 1, "After →"), h("a", { class: "button", href: childLink(path, { view: "runs" }) }, "Close")),
    ),
    h("p", { class: "story-first" }, ...prose(run.cause ? run.cause.text : ENDS[end], linked)),
    h("dl", { class: "facts" }, ...facts.filter(([, value]) => value !== null).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, .../** @type {any[]} */ (Array.isArray(value) ? value : [value]))))),
    run.lines.length > 0
      ? [h("h3", {}, "Its last lines"), h("pre", { class: "output", tabindex: 0, "aria-label": "Its last lines" }, ...run.lines.map((line) => h("span", {}, ...colours(line), "\n")))]
      : null,
    run.open_calls.length > 0 ? [h("h3", {}, "Calls it had begun and not answered"), h("ul", { class: "trail" }, ...run.open_calls.map((call) => h("li", {}, h("code", {}, call))))] : null,
    run.operations.length > 0 ? opened(trail(run.operations, "What it did last, by its flight recorder")) : null,
    run.trail.length > 0 ? opened(trail(run.trail, "What happened in it")) : null,
  );
}

/** @param {HTMLDetailsElement} details */
function opened(details) {
  attribute(details, "open", true);
  return details;
}
