// @ts-check
// What a state means for whoever looks: one tone, one sign and a few words, the same on every page.

/**
 * How much a state asks for attention. Never shown by colour alone.
 *
 * @typedef {"good" | "coming" | "wait" | "bad" | "held" | "idle"} Tone
 */

/** Ends that mean nothing bad. */
const FINE = new Set(["completed", "skipped", "stopped", "recycled", "dependency-lost"]);

/**
 * Whether a person has to do or to know something about a child.
 *
 * @param {Api.Child} child
 */
export function isTroubled(child) {
  return toneOf(child) === "bad" || child.alerts.some((alert) => alert.seen_by === null);
}

/**
 * @param {Api.Child} child
 * @returns {Tone}
 */
export function toneOf(child) {
  const failed = child.last !== null && !FINE.has(child.last.cause);
  switch (child.standing) {
    case "ready":
      return "good";
    case "starting":
    case "up":
    case "stopping":
      return "coming";
    case "waiting":
      return isBroken(child) ? "bad" : failed ? "wait" : "idle";
    case "blocked":
      if (isBroken(child)) return "bad";
      return child.want === "up" && (child.state.startsWith("needs") || child.state.startsWith("waits for its t") || failed)
        ? "wait"
        : "idle";
    case "down":
      if (child.quarantined || child.paused) return "held";
      return child.want === "up" && failed ? "bad" : "idle";
    case "abandoned":
      return "bad";
    case "removed":
      return "idle";
  }
}

/** @param {Api.Child} child */
export function isBroken(child) {
  return child.standing !== "ready" && child.state.startsWith("breaker open");
}

/**
 * What a child is doing in a few words that stay true: what counts down is shown beside.
 *
 * @param {Api.Child} child
 */
export function words(child) {
  if (child.standing === "waiting") return child.state.replace(/^waits [0-9][^,]*, then/, "waits, then");
  return child.state;
}

/** @type {Record<Tone, string>} */
export const TONES = {
  good: "as it should be",
  coming: "on its way",
  wait: "waits",
  bad: "needs attention",
  held: "held by somebody",
  idle: "at rest",
};

/**
 * Groups of states that a view can be narrowed to.
 *
 * @type {{ word: string, name: string, holds: (child: Api.Child) => boolean }[]}
 */
export const GROUPS = [
  { word: "trouble", name: "Needs attention", holds: isTroubled },
  { word: "ready", name: "Ready", holds: (child) => child.standing === "ready" },
  { word: "coming", name: "Coming or going", holds: (child) => toneOf(child) === "coming" },
  { word: "waiting", name: "Waiting", holds: (child) => child.standing === "waiting" || child.standing === "blocked" },
  { word: "down", name: "Down", holds: (child) => child.standing === "down" },
];

/** @type {Record<Api.Overall, { tone: Tone, text: string }>} */
export const OVERALL = {
  serving: { tone: "good", text: "Serving" },
  coming: { tone: "coming", text: "On its way" },
  degraded: { tone: "wait", text: "Degraded" },
  faulted: { tone: "bad", text: "Faulted" },
  draining: { tone: "coming", text: "Draining" },
  ended: { tone: "idle", text: "Ended" },
};

/**
 * The same for the end of a run.
 *
 * @param {Api.Run} run
 * @returns {"live" | "fine" | "asked" | "failure" | "violent"}
 */
export function endOf(run) {
  if (run.ended_at === null || run.cause === null) return run.ended_at === null ? "live" : "failure";
  if (!run.cause.is_failure) return run.by !== null || run.cause.word === "stopped" ? "asked" : "fine";
  return run.cause.signal !== null || run.cause.word === "out-of-memory" ? "violent" : "failure";
}

/** @type {Record<ReturnType<typeof endOf>, string>} */
export const ENDS = {
  live: "runs",
  fine: "ended as it should",
  asked: "was asked to end",
  failure: "failed",
  violent: "failed by a signal or the kernel",
};
