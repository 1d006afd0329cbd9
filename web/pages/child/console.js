// @ts-check
// The console of a child: its terminal, who else is at it, and what becomes of what is typed.

import { address, segment } from "../../api.js";
import { tree } from "../../state/tree.js";
import { moment } from "../../parts/clock.js";
import { attribute, fill, h, once, write } from "../../parts/dom.js";
import { Terminal } from "../../parts/terminal/view.js";

/** So many bytes may be on their way to the terminal; what is beyond waits here. */
const ON_THE_WAY = 32_768;
/** What waits here has a bound as well: a paste beyond it is cut, and that is said. */
const WAITING = 4 * 1024 * 1024;
const PAUSES = [250, 500, 1_000, 2_000, 4_000];

/**
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {import("../child.js").Part}
 */
export function consolePart(path, signal) {
  const state = h("p", { class: "small console-state", role: "status", "aria-live": "polite" }, "Connecting …");
  const people = h("p", { class: "small muted console-people" });
  const refused = h("p", { class: "small console-refused", role: "status", "aria-live": "polite" });
  const leaves = h("button", { type: "button" }, "Leave the keyboard");
  const terminal = new Terminal(`Console of ${path}`, { type, size, leave: () => leaves.focus() });
  const looks = h("input", { type: "checkbox", on: { change: () => choose() } });
  const help = h("p", { class: "small muted" }, "Every key goes to the child, ", h("kbd", {}, "Tab"), " too. ", h("kbd", {}, "Ctrl ]"), " leaves the keyboard; ", h("kbd", {}, "Ctrl Shift C"), " and ", h("kbd", {}, "V"), " copy and paste. What you type is noted with your name.");
  const element = h(
    "div",
    { class: "console-part" },
    h("div", { class: "console-head" }, h("div", {}, state, people), h("div", { class: "chips" }, h("label", { class: "choice" }, looks, "Only look"), leaves)),
    terminal.element,
    refused,
    help,
  );
  if (!tree.mayCommand) {
    looks.checked = true;
    attribute(looks, "disabled", true);
    fill(help, "You see what is typed and printed. To type takes the role operator.");
  }
  leaves.addEventListener("click", () => document.querySelector(".tabs a[aria-current]")?.dispatchEvent(new Event("focus")));

  /** @type {WebSocket | null} */
  let socket = null;
  let tries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  /** @type {Uint8Array[]} */
  let waiting = [];
  let held = 0;
  let away = 0;
  let hasEnded = false;

  function choose() {
    tries = 0;
    socket?.close();
    socket = null;
    connect();
  }

  function connect() {
    clearTimeout(later);
    if (signal.aborted) return;
    const url = address(`console/${segment(path)}`, { read_only: looks.checked ? true : undefined });
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(url);
    mine.binaryType = "arraybuffer";
    socket = mine;
    let isOpen = false;
    mine.addEventListener("open", () => {
      isOpen = true;
      hasEnded = false;
      [waiting, held, away] = [[], 0, 0];
      terminal.reset();
      terminal.readOnly(looks.checked);
      terminal.fit();
      size(terminal.screen.rows, terminal.screen.columns);
      said(looks.checked ? "You look, and type nothing." : "Connected.", "good");
    });
    mine.addEventListener("message", (event) => {
      if (socket !== mine) return;
      tries = 0;
      if (typeof event.data === "string") hear(JSON.parse(event.data));
      else terminal.feed(new Uint8Array(event.data));
    });
    mine.addEventListener("close", () => {
      if (socket !== mine || signal.aborted) return;
      socket = null;
      write(people, "");
      if (hasEnded) return;
      if (!isOpen && tries >= 1 && tree.connection.is === "open") {
        void why();
      }
      const pause = PAUSES[Math.min(tries, PAUSES.length - 1)] ?? 4_000;
      tries += 1;
      said("The connection is lost, trying again …", "bad");
      later = setTimeout(connect, pause);
    });
  }

  /** Asks in the usual way, since a browser does not say why it could not connect. */
  async function why() {
    try {
      const url = address(`console/${segment(path)}`, { read_only: looks.checked ? true : undefined });
      const answer = await fetch(url, { signal, credentials: "same-origin", cache: "no-store" });
      /** @type {Api.Problem} */
      const problem = await answer.json();
      if (answer.status === 426 || answer.status === 503 || answer.ok) return;
      clearTimeout(later);
      hasEnded = true;
      said(`${problem.text}.${problem.hint ? ` ${problem.hint}.` : ""}`, "bad");
    } catch {
      // Nobody answers at all: it is tried again.
    }
  }

  /** @param {Api.ConsoleSays} message */
  function hear(message) {
    switch (message.says) {
      case "viewers": drawPeople(message); break;
      case "lost": said(`${message.bytes} bytes are missing here: they came faster than they could be shown.`, "wait"); break;
      case "typed": arrived(message.bytes); break;
      case "refused":
        arrived(message.bytes);
        write(refused, `${message.bytes} bytes that you typed were refused: the child does not read, or does not run.`);
        break;
      case "began": said(`Run #${message.run} has begun.`, "good"); break;
      case "ended": said(`Run #${message.run} is over. The console stays for the next one.`, "wait"); break;
      case "gap": away = 0; said("Another keeper holds the terminal now; something may be missing here.", "wait"); send(); break;
      case "left":
        hasEnded = true;
        said(`The console has ended: ${message.text}.`, "bad");
        break;
      default:
    }
  }

  const drawPeople = once((/** @type {{ you: number, viewers: Api.ConsoleViewer[] }} */ { you, viewers }) => {
    const others = viewers.filter((one) => one.number !== you);
    const name = (/** @type {Api.ConsoleViewer} */ one) => `${one.name}${one.read_only ? ", who only looks" : ""} (since ${moment(one.since_at)})`;
    write(people, others.length === 0 ? "Nobody else is here." : `Also here: ${others.map(name).join("; ")}.`);
  });

  /** @param {string} text @param {string} tone */
  function said(text, tone) {
    write(state, text);
    state.className = `small console-state tone-${tone}`;
  }

  /** @param {string} text */
  function type(text) {
    write(refused, "");
    if (socket?.readyState !== WebSocket.OPEN) {
      write(refused, "Not typed: the connection is lost.");
      return;
    }
    const bytes = new TextEncoder().encode(text);
    const room = WAITING - held;
    if (bytes.length > room) write(refused, `${bytes.length - room} bytes are left out: more waits here than the child reads.`);
    const taken = bytes.subarray(0, Math.max(0, room));
    for (let at = 0; at < taken.length; at += 8_192) waiting.push(taken.subarray(at, at + 8_192));
    held += taken.length;
    send();
  }

  function send() {
    while (waiting.length > 0 && socket?.readyState === WebSocket.OPEN) {
      const next = /** @type {Uint8Array<ArrayBuffer>} */ (waiting[0]);
      if (away > 0 && away + next.length > ON_THE_WAY) return;
      waiting.shift();
      held -= next.length;
      away += next.length;
      socket.send(next);
    }
  }

  /** @param {number} bytes */
  function arrived(bytes) {
    away = Math.max(0, away - bytes);
    send();
  }

  /** @param {number} rows @param {number} columns */
  function size(rows, columns) {
    if (socket?.readyState === WebSocket.OPEN && !looks.checked) {
      socket.send(JSON.stringify({ asks: "resize", rows, columns }));
    }
  }

  signal.addEventListener("abort", () => {
    clearTimeout(later);
    socket?.close();
    terminal.close();
  });
  connect();
  requestAnimationFrame(() => terminal.focus());
  return { element };
}
