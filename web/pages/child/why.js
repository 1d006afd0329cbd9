// @ts-check
// Why a child does what it does: the story, its runs as a picture, what its limits have left, what was seen, and what
// would change it.

import { Trouble, get, isLetGo, segment } from "../../api.js";
import { child as childLink } from "../../state/route.js";
import { tree } from "../../state/tree.js";
import { confirm, offer, typed } from "../../parts/command.js";
import { moment } from "../../parts/clock.js";
import { fill, framed, h, once, prose } from "../../parts/dom.js";
import { gauge } from "../../parts/gauge.js";
import { failed, loading } from "../../parts/states.js";
import { colours } from "../../parts/terminal/colours.js";
import { alertCard } from "../alerts.js";
import { runsPicture } from "./picture.js";

/** A name in a story that is a child's leads there. @param {string} name */
export const linked = (name) => (tree.children.has(name) ? childLink(name) : null);

/**
 * @param {string} path
 * @param {AbortSignal} signal
 */
export function whyPart(path, signal) {
  const story = h("section", { class: "card story", "aria-label": "Why" }, loading("Asking why"));
  const limits = h("section", { class: "card", "aria-label": "Budgets", hidden: true });
  const evidence = h("section", { class: "card", "aria-label": "What was seen", hidden: true });
  const wishes = h("section", { class: "card", "aria-label": "What would change it", hidden: true });
  const alerts = h("section", { "aria-label": "Alerts", hidden: true });
  const picture = path === "" ? null : runsPicture(path, signal);
  const element = h("div", { class: "stack" }, alerts, story, limits, picture, wishes, evidence);

  const drawStory = once((/** @type {[string[], number]} */ [sentences, at]) => {
    const [first = "", ...rest] = sentences;
    fill(
      story,
      h("p", { class: "story-first" }, ...prose(first, linked)),
      ...rest.map((sentence) => h("p", {}, ...prose(sentence, linked))),
      h("p", { class: "small muted as-of" }, `As of ${moment(at)}. It is told anew whenever something happens.`),
    );
  });
  const drawLimits = once((/** @type {Pick<Api.Explanation, "limits" | "breaker" | "level">} */ { limits: all, breaker, level }) => {
    limits.hidden = all.length === 0 && breaker === "closed";
    fill(
      limits,
      h("h2", {}, "Budgets and breaker"),
      h(
        "p",
        { class: "breaker" },
        breaker === "closed" ? "The breaker is closed: starts are allowed." : breaker === "open" ? "The breaker is open: no start before the trial." : "The breaker is on trial: this run shows whether the fault is gone.",
        level > 0 ? h("span", { class: "muted" }, ` Level ${level}: it has opened ${level === 1 ? "once" : `${level} times`} of late, and rests longer each time.`) : null,
      ),
      h("div", { class: "limits" }, ...all.map((limit) => gauge(limit, path))),
    );
  });
  const drawEvidence = once((/** @type {Api.Evidence[]} */ all) => {
    evidence.hidden = all.length === 0;
    fill(evidence, h("h2", {}, "What was seen of the ends that led here"), ...all.map((one) => seen(one)));
  });
  const drawWishes = once((/** @type {Api.Wish[]} */ all) => {
    wishes.hidden = all.length === 0;
    fill(wishes, h("h2", {}, "What would change it"), h("ul", { class: "wishes" }, ...all.map((one) => h("li", {}, ...wish(one)))));
  });
  const drawAlerts = once((/** @type {Api.Alert[]} */ all) => {
    alerts.hidden = all.length === 0;
    fill(alerts, h("ul", { class: "stack" }, ...all.map((alert) => alertCard(alert, false))));
  });

  let isAsking = false;
  let isStale = true;
  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    while (isStale && !signal.aborted) {
      isStale = false;
      try {
        /** @type {Api.Explanation} */
        const told = await get(`explain/${segment(path)}`, {}, signal);
        drawStory([told.story, told.now_at]);
        drawLimits({ limits: told.limits, breaker: told.breaker, level: told.level });
        drawEvidence(told.evidence);
        drawWishes(told.wishes);
        drawAlerts(told.alerts.filter((alert) => alert.seen_by === null));
      } catch (error) {
        if (isLetGo(error)) return;
        if (!(error instanceof Trouble)) throw error;
        if (story.querySelector(".loading") || !error.isPassing) {
          fill(story, failed(error, () => { isStale = true; void ask(); }));
        }
      }
    }
    isAsking = false;
  };
  const soon = framed(() => void ask());
  // A story also tells of those whom the child waits for, and of supervisors above: any event of these may change it.
  tree.read((event) => {
    const isAbove = path === event.path || path.startsWith(`${event.path}/`);
    const isNamed = event.path !== "" && (story.textContent ?? "").includes(event.path);
    if (!isAbove && !isNamed) return;
    isStale = true;
    soon();
  }, signal);
  soon();
  return { element };
}

/** @param {Api.Evidence} one */
export function seen(one) {
  return h(
    "article",
    { class: "seen" },
    h("p", {}, h("a", { href: childLink(one.path, { view: "runs", run: one.run }) }, `${one.path}#${one.run}`), " ", ...prose(one.text, linked)),
    one.lines.length > 0 ? h("pre", { class: "output", tabindex: 0, "aria-label": `Last lines of run #${one.run}` }, ...one.lines.map((line) => h("span", {}, ...colours(line), "\n"))) : null,
    one.trail.length > 0 ? trail(one.trail, "What happened before") : null,
  );
}

/**
 * @param {Api.Fact[]} facts
 * @param {string} name
 */
export function trail(facts, name) {
  return h(
    "details",
    {},
    h("summary", {}, `${name} (${facts.length})`),
    h("ol", { class: "trail" }, ...facts.map((fact) => h("li", {}, h("time", { class: "figures muted", datetime: new Date(fact.at).toISOString() }, moment(fact.at, true)), " ", fact.text))),
  );
}

/** @param {Api.Wish} wish */
function wish(wish) {
  const said = h("span", {}, ...prose(wish.text.replace(/`mainstay explain ([^`]+)`/, "`$1`"), linked));
  if (wish.command === null) return [said];
  const ours = typed(wish.command);
  const command = wish.command;
  return [
    said,
    h(
      "span",
      { class: "wish-command" },
      h("code", {}, command),
      ours && tree.mayCommand
        ? h("button", { type: "button", on: { click: () => confirm(ours.path, offer(ours.verb, wish.text), ours.isMore) } }, "Do it …")
        : null,
    ),
  ];
}
