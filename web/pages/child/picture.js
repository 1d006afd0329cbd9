// @ts-check
// The runs of a child as a picture; those of a supervisor's children below each other.

import { Trouble, get, isLetGo, segment } from "../../api.js";
import { child as childLink, present, query } from "../../state/route.js";
import { endOf } from "../../state/standing.js";
import { tree } from "../../state/tree.js";
import { moment, now, ticking } from "../../parts/clock.js";
import { attribute, fill, h } from "../../parts/dom.js";
import { Picture, timeOfDay } from "../../parts/picture.js";
import { failed, loading } from "../../parts/states.js";

/** How many runs are asked for at once, and how many are drawn where nobody says how far back. */
const [PAGE, RECENT] = [500, 16];
/** A supervisor shows at most so many children. */
const LANES = 12;

/** @type {[string, string, number][]} */
const RANGES = [
  ["", "Latest runs", 0],
  ["10m", "10 min", 600_000],
  ["1h", "1 h", 3_600_000],
  ["6h", "6 h", 21_600_000],
  ["1d", "1 day", 86_400_000],
  ["all", "All", Infinity],
];

/**
 * @param {string} path
 * @param {AbortSignal} signal
 */
export function runsPicture(path, signal) {
  const isOne = () => tree.children.get(path)?.kind !== "supervisor";
  const picture = new Picture(`Runs of ${path}`);
  const place = h("div", {}, loading("Reading its runs"));
  const buttons = RANGES.map(([word, name]) => h("button", { type: "button", class: "chip", on: { click: () => query({ range: word }) } }, name));
  const element = h(
    "section",
    { class: "card picture-card", "aria-label": "Runs over time" },
    h("div", { class: "card-head" }, h("h2", {}, "Runs over time"), h("div", { class: "chips", role: "group", "aria-label": "How far back" }, ...buttons)),
    place,
  );
  /** @type {Api.Run[]} The latest first. */
  let runs = [];
  /** @type {Api.Run | null} */
  let live = null;
  let isAll = false;
  let isDrawn = false;

  const draw = () => {
    const word = present().query.get("range") ?? "";
    const range = RANGES.find(([name]) => name === word)?.[2] ?? 0;
    RANGES.forEach(([name], at) => attribute(/** @type {HTMLElement} */ (buttons[at]), "aria-pressed", name === word));
    const at = now();
    const lanes = isOne() ? [lane(path, path, runs, live)] : below();
    const all = lanes.flatMap((lane) => lane.bars);
    if (all.length === 0) {
      fill(place, h("p", { class: "muted" }, "It has not run yet."));
      isDrawn = false;
      return;
    }
    if (!isDrawn) fill(place, picture.element);
    isDrawn = true;
    const next = tree.children.get(path)?.next?.at ?? 0;
    const oldest = Math.min(...all.map((bar) => bar.began));
    const recent = all.map((bar) => bar.began).sort((a, b) => b - a)[Math.min(all.length, RECENT * Math.min(3, lanes.length)) - 1] ?? oldest;
    const from = range === 0 ? recent : range === Infinity ? oldest : at - range;
    const length = Math.max(10_000, at - from);
    // What comes next is in the picture where that does not push the past aside.
    const to = next > at && next - at < length * 0.4 ? next + length * 0.02 : at + length * 0.02;
    picture.draw({ lanes, from: from - length * 0.02, to, now: at, say: moment, tick: timeOfDay });
  };

  const below = () => {
    const depth = path.split("/").length + 1;
    const children = tree.order.filter((one) => one.startsWith(`${path}/`) && one.split("/").length === depth);
    const count = (/** @type {string} */ one) => tree.children.get(one)?.runs ?? 0;
    const most = children.length > LANES ? [...children].sort((a, b) => count(b) - count(a)).slice(0, LANES) : children;
    return most.map((one) => lane(one, one.slice(path.length + 1), runs.filter((run) => run.path === one), null));
  };

  const ask = async () => {
    try {
      const child = tree.children.get(path);
      /** @type {[Api.Run[], Api.Run | null]} */
      const [page, run] = await Promise.all([
        get("history", { path, limit: PAGE }, signal),
        child && child.run !== null && isOne() ? present1(path, child.run, signal) : null,
      ]);
      runs = isOne() ? page.filter((run) => run.path === path) : page;
      live = run;
      isAll = page.length < PAGE;
      draw();
    } catch (error) {
      if (isLetGo(error)) return;
      if (!(error instanceof Trouble)) throw error;
      if (!isDrawn) fill(place, failed(error, () => void ask()));
    }
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  tree.read((event) => {
    if (event.path !== path && !event.path.startsWith(`${path}/`)) return;
    if (!["decided", "started", "ready", "exited"].includes(event.kind)) return;
    later ??= setTimeout(() => {
      later = undefined;
      void ask();
    }, 300);
  }, signal);
  signal.addEventListener("abort", () => clearTimeout(later));
  void ask();
  // Time goes on in the picture as well: once a second, as long as it can be seen.
  ticking(place, () => {
    if (isDrawn) draw();
  });
  /** @type {string | null} */
  let range = null;
  tree.watch(() => {
    const word = present().query.get("range");
    if (word !== range && isDrawn) draw();
    range = word;
  }, signal);
  void isAll;
  return element;
}

/**
 * @param {string} path
 * @param {number} run
 * @param {AbortSignal} signal
 * @returns {Promise<Api.Run | null>}
 */
async function present1(path, run, signal) {
  try {
    return await get(`postmortem/${segment(path)}/${run}`, {}, signal);
  } catch (error) {
    // It may have ended just now.
    if (error instanceof Trouble && error.status === 404) return null;
    throw error;
  }
}

/**
 * @param {string} path
 * @param {string} name
 * @param {Api.Run[]} runs the latest first
 * @param {Api.Run | null} live
 * @returns {import("../../parts/picture.js").Lane}
 */
function lane(path, name, runs, live) {
  const child = tree.children.get(path);
  const bars = runs.map(bar).reverse();
  if (live && !runs.some((run) => run.run === live.run)) bars.push(bar(live));
  else if (child && child.run !== null && child.since_at !== null && !runs.some((run) => run.run === child.run)) {
    const ready = child.standing === "ready" ? child.since_at : null;
    bars.push({ key: String(child.run), began: child.since_at, ready, ended: null, end: "live", name: `#${child.run}`, text: "runs", href: childLink(path, { view: "runs", run: child.run }) });
  }
  return { name, href: childLink(path), bars, next: child?.run === null ? child.next : null };
}

/** @param {Api.Run} run @returns {import("../../parts/picture.js").Bar} */
function bar(run) {
  return {
    key: String(run.run),
    began: run.began_at,
    ready: run.ready_at,
    ended: run.ended_at,
    end: endOf(run),
    name: `#${run.run}`,
    text: run.cause?.text ?? "ended, and nobody saw how",
    then: run.action?.text,
    href: childLink(run.path, { view: "runs", run: run.run }),
  };
}
