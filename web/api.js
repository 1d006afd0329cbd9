// @ts-check
// Asking the API: requests with an end, problems in words, streams that come back where they broke off.

/** Where the program that serves us is mounted: every address is made from here. */
export const ROOT = new URL("..", import.meta.url);

/** No answer takes longer than this, unless it is a stream. */
const PATIENCE = 15_000;
/** A stream says every 15 s that it lives; one that has been silent for longer than this is dead. */
const SILENCE = 40_000;
/** How long to wait before coming back: the last repeats. */
const PAUSES = [250, 500, 1_000, 2_000, 4_000];

/** Why a request has no answer. */
export class Trouble extends Error {
  /**
   * @param {number} status 0 where nobody answered
   * @param {Api.Problem} problem
   */
  constructor(status, problem) {
    super(problem.text);
    this.status = status;
    this.code = problem.code;
    this.hint = problem.hint ?? null;
    this.details = problem.details ?? [];
  }

  /** Whether the same may work a moment later: nobody answered, or not in time. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/**
 * A path of the tree as a part of an address.
 *
 * @param {string} path
 */
export function segment(path) {
  return path === "" ? "%2F" : encodeURIComponent(path);
}

/**
 * @param {string} path below `v1/`
 * @param {Record<string, string | number | boolean | string[] | null | undefined>} [query]
 */
export function address(path, query = {}) {
  const url = new URL(`v1/${path}`, ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
  }
  return url;
}

/**
 * Asks for something.
 *
 * @template T
 * @param {string} path
 * @param {Parameters<typeof address>[1]} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function get(path, query, signal) {
  return ask(address(path, query), {}, signal);
}

/**
 * Sends something.
 *
 * @template T
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function post(path, body, signal) {
  const headers = { "content-type": "application/json" };
  return ask(address(path), { method: "POST", headers, body: JSON.stringify(body) }, signal);
}

/**
 * @param {URL} url
 * @param {RequestInit} init
 * @param {AbortSignal} [signal]
 */
async function ask(url, init, signal) {
  const limit = AbortSignal.timeout(PATIENCE);
  const both = signal ? AbortSignal.any([signal, limit]) : limit;
  try {
    const response = await fetch(url, { ...init, signal: both, credentials: "same-origin", cache: "no-store" });
    if (!response.ok) throw await trouble(response);
    return await response.json();
  } catch (error) {
    throw unreached(error, limit.aborted);
  }
}

/**
 * @param {unknown} error
 * @param {boolean} isLate
 */
function unreached(error, isLate) {
  if (error instanceof Trouble) return error;
  if (isLate) {
    const hint = "the connection or the program is busy, or stands still";
    return new Trouble(0, { code: "late", text: `no answer within ${PATIENCE / 1000} s`, hint });
  }
  if (error instanceof DOMException && error.name === "AbortError") return error;
  const hint = "is the program still there, and the way to it?";
  return new Trouble(0, { code: "unreached", text: "nobody answers", hint });
}

/**
 * Whether somebody of ours has let go of a request: then there is nothing to be said about it.
 *
 * @param {unknown} error
 */
export function isLetGo(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** @param {Response} response */
async function trouble(response) {
  const text = await response.text();
  try {
    const problem = JSON.parse(text);
    if (typeof problem.code === "string") return new Trouble(response.status, problem);
  } catch {
    // What is no JSON did not come from the API: something in between has answered.
  }
  return new Trouble(response.status, {
    code: String(response.status),
    text: text.length > 0 && text.length < 200 ? text : response.statusText || `status ${response.status}`,
  });
}

/**
 * What a stream is followed with.
 *
 * @typedef {object} Follower
 * @property {(name: string, data: any, id: string | null) => void} told
 * @property {() => void} [open] the stream has begun, at first or again
 * @property {(again: number, trouble: Trouble) => void} [lost] it broke off, and is tried again in so many milliseconds
 * @property {(trouble: Trouble) => void} [over] it is not to be had, and is not tried again
 */

/**
 * Follows a stream until `signal` says so. It comes back by itself, and says where it broke off.
 *
 * @param {() => URL} place asked for each time
 * @param {Follower} follower
 * @param {AbortSignal} signal
 * @param {string | null} [last] the number that was read last
 */
export async function follow(place, follower, signal, last = null) {
  let tries = 0;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const both = AbortSignal.any([signal, attempt.signal]);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let guard;
    const alive = () => {
      clearTimeout(guard);
      guard = setTimeout(() => attempt.abort(), SILENCE);
    };
    /** @type {Trouble} */
    let why = new Trouble(0, { code: "ended", text: "the stream has ended" });
    try {
      alive();
      /** @type {Record<string, string>} */
      const headers = { accept: "text/event-stream" };
      if (last !== null) headers["last-event-id"] = last;
      const response = await fetch(place(), { headers, signal: both, credentials: "same-origin", cache: "no-store" });
      if (!response.ok) throw await trouble(response);
      if (!response.body) throw new TypeError("no body");
      tries = 0;
      follower.open?.();
      for await (const said of parts(response.body, alive)) {
        if (said.id !== null) last = said.id;
        follower.told(said.name, JSON.parse(said.data), said.id);
      }
    } catch (error) {
      if (signal.aborted) return;
      why = error instanceof Trouble ? error : /** @type {Trouble} */ (new Trouble(0, { code: "lost", text: "the connection is lost" }));
      if (why.status >= 400 && why.status < 500 && why.status !== 408 && why.status !== 429) {
        follower.over?.(why);
        return;
      }
    } finally {
      clearTimeout(guard);
    }
    if (signal.aborted) return;
    const pause = PAUSES[Math.min(tries, PAUSES.length - 1)] ?? 4_000;
    tries += 1;
    follower.lost?.(pause, why);
    await rest(pause, signal);
  }
}

/**
 * Waits so long, or until the browser says that it is connected again.
 *
 * @param {number} ms
 * @param {AbortSignal} signal
 */
function rest(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(limit);
      signal.removeEventListener("abort", done);
      window.removeEventListener("online", done);
      resolve(undefined);
    };
    const limit = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    window.addEventListener("online", done);
  });
}

/**
 * Takes a stream of server-sent events apart.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} alive called for whatever comes
 * @returns {AsyncGenerator<{ name: string, data: string, id: string | null }>}
 */
async function* parts(body, alive) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let [name, data, id] = ["message", /** @type {string[]} */ ([]), /** @type {string | null} */ (null)];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      rest += decoder.decode(value, { stream: true });
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
        const line = rest.slice(0, end).replace(/\r$/, "");
        rest = rest.slice(end + 1);
        if (line === "") {
          if (data.length > 0) yield { name, data: data.join("\n"), id };
          [name, data, id] = ["message", [], null];
          continue;
        }
        const colon = line.indexOf(":");
        if (colon === 0) continue;
        const field = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") name = text;
        else if (field === "data") data.push(text);
        else if (field === "id") id = text;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Returns an id for a command: sent twice with it, the command has one effect. */
export function commandId() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("").replace(/^0+$/, "1");
}
