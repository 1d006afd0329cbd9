// @ts-check
// What another policy would have made of what happened to a child, or of lives that are made up: side by side, as a
// picture and in figures.

import { Trouble, isLetGo, post } from "../api.js";
import { child as childLink, go, link, present } from "../state/route.js";
import { tree } from "../state/tree.js";
import { coarse, span } from "../parts/clock.js";
import { fill, h, once } from "../parts/dom.js";
import { Picture } from "../parts/picture.js";
import { empty, failed, loading } from "../parts/states.js";

const PRESETS = ["default", "systemd", "supervisord", "kubernetes", "nomad", "pm2", "process-compose", "otp", "s6", "runit", "dinit", "procserv", "tokio-supervisor", "epics", "focas", "oxios-web", "oxios-critical"];

/** Which fields stand in the address, and what they are where nothing is said. */
const FIELDS = { child: "", a: "", b: "systemd", "a-text": "", "b-text": "", lives: "", after: "3s", times: "50", exit: "1" };

/** @type {import("../main.js").MakePage} */
export function simulatePage(_view, signal) {
  /** @type {Record<string, HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>} */
  const fields = {};
  const names = h("datalist", { id: "children" });
  const child = h("input", { type: "text", list: "children", autocomplete: "off", spellcheck: "false", placeholder: "shop/orders" });
  const lives = h("select", {}, h("option", { value: "" }, "What has happened to it"), h("option", { value: "made-up" }, "Lives that are made up"));
  const after = h("input", { type: "text" });
  const times = h("input", { type: "number", min: 1, max: 10000 });
  const exit = h("input", { type: "text" });
  const madeUp = h(
    "div",
    { class: "made-up" },
    h("label", {}, "Each lives", after, h("span", { class: "small muted" }, "3s, or a pattern such as 3s,3s,1m")),
    h("label", {}, "So many end", times),
    h("label", {}, "How", exit, h("span", { class: "small muted" }, "an exit code, KILL, oom, clean, no-start")),
  );
  Object.assign(fields, { child, lives, after, times, exit });
  const policies = ["a", "b"].map((side) => {
    const select = h(
      "select",
      {},
      h("option", { value: "" }, side === "a" ? "Its own" : "None"),
      h("optgroup", { label: "Presets" }, ...PRESETS.map((name) => h("option", { value: name }, name))),
      h("option", { value: "text" }, "Written here"),
    );
    const text = h("textarea", { rows: 5, spellcheck: "false", "aria-label": `Policy ${side.toUpperCase()} as in a spec file`, placeholder: "backoff: { fixed: 5s }\nbudget: [{ count: restarts, most: 3, within: 1m }]" });
    fields[side] = select;
    fields[`${side}-text`] = text;
    const fit = () => { text.hidden = select.value !== "text"; };
    select.addEventListener("change", fit);
    return { element: h("div", { class: "policy-field" }, h("label", {}, `Policy ${side.toUpperCase()}`, select), text), fit };
  });
  lives.addEventListener("change", () => { madeUp.hidden = lives.value === ""; });
  const result = h("div", { class: "stack" });
  const form = h(
    "form",
    {
      class: "card simulate-form",
      "aria-label": "What is played",
      on: {
        submit: (/** @type {Event} */ event) => {
          event.preventDefault();
          /** @type {Record<string, string>} */
          const query = {};
          for (const [name, usual] of Object.entries(FIELDS)) {
            const value = fields[name]?.value ?? "";
            if (value !== usual && !(name.endsWith("-text") && fields[name.slice(0, 1)]?.value !== "text")) query[name] = value || "none";
          }
          query.play = "1";
          const to = link("simulate", "", query);
          if (to === location.pathname + location.search) void play();
          else go(to);
        },
      },
    },
    h("label", {}, "Child", child, names),
    h("label", {}, "Against", lives),
    madeUp,
    ...policies.map((one) => one.element),
    h("p", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Play")),
    h("p", { class: "small muted" }, "Nothing of this touches the child. The same core that supervises plays in virtual time."),
  );
  const element = h("section", { class: "simulate-page", "aria-label": "Simulate" }, h("h1", {}, "Simulate a policy"), h("div", { class: "columns simulate-columns" }, form, result));

  const children = once((/** @type {string[]} */ paths) => fill(names, ...paths.map((path) => h("option", { value: path }))));
  const update = () => children(tree.order.filter((path) => tree.children.get(path)?.kind !== "supervisor"));
  tree.watch(update, signal);

  const read = () => {
    const { query } = present();
    for (const [name, usual] of Object.entries(FIELDS)) {
      const field = fields[name];
      const value = query.get(name === "child" ? (query.has("child") ? "child" : "path") : name) ?? usual;
      if (field) field.value = value === "none" ? "" : value;
    }
    for (const { fit } of policies) fit();
    madeUp.hidden = lives.value === "";
  };

  /** @param {string} side @returns {Api.PlayedPolicy | null} */
  const policy = (side) => {
    const value = fields[side]?.value ?? "";
    if (value === "text") return { spec: fields[`${side}-text`]?.value ?? "" };
    if (value !== "") return { preset: value };
    return side === "a" && child.value !== "" ? { child: child.value } : null;
  };

  let end = new AbortController();
  const play = async () => {
    const chosen = [policy("a"), policy("b")].filter((one) => one !== null);
    if (chosen.length === 0 || (lives.value === "" && child.value === "")) {
      fill(result, h("div", { class: "card" }, empty("Choose a child, or lives that are made up and a policy.")));
      return;
    }
    end.abort();
    end = new AbortController();
    fill(result, h("div", { class: "card" }, loading("Playing")));
    /** @type {Api.Simulation} */
    const asked = { policies: chosen };
    if (child.value !== "") asked.child = child.value;
    if (lives.value !== "") asked.lives = { dies_after: after.value, times: Number(times.value), exit: exit.value };
    try {
      /** @type {Api.Simulated} */
      const told = await post("simulate", asked, AbortSignal.any([signal, end.signal]));
      fill(result, ...shown(told, child.value));
      drawAll();
    } catch (error) {
      if (isLetGo(error)) return;
      if (!(error instanceof Trouble)) throw error;
      fill(result, failed(error, error.isPassing ? () => void play() : undefined));
    }
  };

  /** @type {(() => void)[]} */
  let pictures = [];
  const drawAll = () => pictures.forEach((draw) => draw());

  /** @param {Api.Simulated} told @param {string} path */
  function shown(told, path) {
    const all = told.happened ? [told.happened, ...told.timelines] : told.timelines;
    const picture = new Picture("Runs by policy");
    const horizon = Math.max(...all.map((one) => one.horizon_ms));
    // A policy that gives up early would leave most of the picture empty: it ends a little after the last run.
    const last = Math.max(...all.flatMap((one) => [...one.begins_ms, ...one.serves.map((span) => (span.to_ms < one.horizon_ms ? span.to_ms : span.from_ms))]), 1);
    const to = Math.min(horizon, last * 1.08 + 1_000);
    pictures = [
      () => picture.draw({ lanes: all.map((one) => lane(one)), from: 0, to, now: null, say: coarse, tick: coarse }),
    ];
    return [
      h(
        "section",
        { class: "card", "aria-label": "Picture" },
        h("h2", {}, `${path ? `${path}, ` : ""}${told.timelines[0]?.scenario ?? ""}`),
        picture.element,
        to < horizon ? h("p", { class: "small muted" }, `Followed for ${coarse(horizon)}; nothing begins after ${coarse(last)}.`) : null,
      ),
      h("section", { class: "card", "aria-label": "Figures" }, h("h2", {}, "Side by side"), h("div", { class: "scroll" }, figures(all))),
      ...told.timelines.map((one) => steps(one)),
      path ? h("p", {}, h("a", { href: childLink(path) }, `Back to ${path}`)) : null,
    ];
  }

  read();
  update();
  if (present().query.has("play") || present().query.has("path")) void play();
  else fill(result, h("div", { class: "card" }, empty("Nothing is played yet.", "Choose a child to see what another policy would have made of its recorded ends.")));
  return {
    title: "Simulate",
    element,
    route: () => {
      read();
      if (present().query.has("play") || present().query.has("path")) void play();
    },
  };
}

/** @param {Api.Timeline} told @returns {import("../parts/picture.js").Lane} */
function lane(told) {
  const texts = new Map(told.steps.map((step) => [step.after_ms, step.text]));
  const bars = told.begins_ms.map((began, at) => {
    const before = told.begins_ms[at + 1] ?? told.horizon_ms;
    const serve = told.serves.find((span) => span.from_ms >= began && span.from_ms < Math.max(before, began + 1));
    const ended = serve ? serve.to_ms : Math.min(began + 1, before);
    const isLive = serve !== undefined && serve.to_ms >= told.horizon_ms;
    // What is folded ends like those before it.
    const known = texts.get(began);
    const text = (known?.startsWith("…") ? undefined : known)?.replace(/^#\d+(, the trial,)? /, "") ?? "ended like the one before";
    const isViolent = text.includes("signal") || text.includes("memory");
    const end = /** @type {import("../parts/picture.js").Bar["end"]} */ (isLive ? "live" : isViolent ? "violent" : text.includes("completed") ? "fine" : "failure");
    return { key: String(at), began, ready: serve?.from_ms ?? null, ended: isLive ? null : ended, end, name: `#${at + 1}`, text };
  });
  // Once the kind of an end has been told, those that are folded are of the same kind.
  let kind = bars[0]?.end ?? "failure";
  for (const bar of bars) {
    if (bar.text === "ended like the one before" && bar.end !== "live") bar.end = kind;
    else if (bar.end !== "live") kind = bar.end;
  }
  return { name: told.policy, bars };
}

/** @param {Api.Timeline[]} all */
function figures(all) {
  /** @type {[string, (told: Api.Timeline) => string][]} */
  const rows = [
    ["Gives up", (told) => (told.gave_up_after_ms === null ? "never" : `after ${span(told.gave_up_after_ms)}: ${told.gave_up ?? ""}`)],
    ["Starts", (told) => `${told.starts} in ${coarse(told.horizon_ms)}`],
    ["Restarts", (told) => `${figure(told.restarts_per_hour)} an hour, ${told.busiest_hour} starts in the busiest hour`],
    ["Ready", (told) => `${coarse(told.uptime_ms)} (${figure((100 * told.uptime_ms) / Math.max(1, told.horizon_ms))} %)`],
    ["Down", (told) => `${coarse(told.downtime_ms)} in all, ${coarse(told.longest_down_ms)} at a stretch`],
    ["Alerts", (told) => (told.alerts === null ? "not recorded" : String(told.alerts))],
    ["At the end", (told) => told.ends],
  ];
  return h(
    "table",
    { class: "figures-table" },
    h("thead", {}, h("tr", {}, h("td", {}), ...all.map((told) => h("th", { scope: "col" }, told.policy)))),
    h("tbody", {}, ...rows.map(([name, say]) => h("tr", {}, h("th", { scope: "row" }, name), ...all.map((told) => h("td", { class: "figures" }, say(told)))))),
  );
}

/** @param {number} value */
function figure(value) {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}

/** @param {Api.Timeline} told */
function steps(told) {
  return h(
    "details",
    { class: "card" },
    h("summary", {}, `Step by step: ${told.policy}`),
    h("ul", { class: "rules" }, ...told.rules.map((rule) => h("li", {}, h("code", {}, rule)))),
    h("ol", { class: "trail" }, ...told.steps.map((step) => h("li", {}, h("span", { class: "figures muted step-at" }, coarse(step.after_ms)), " ", step.text))),
    told.is_cut ? h("p", { class: "muted" }, "It started too often to be followed to the end.") : null,
  );
}
