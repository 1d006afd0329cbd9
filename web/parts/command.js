// @ts-check
// Commands: what can be asked of a child now, why not the rest, and the dialog that asks for a reason before anything is
// sent. Whether a command makes sense is decided where it is carried out; here it is only shown.

import { Trouble, commandId, get, isLetGo, post, segment } from "../api.js";
import { tree } from "../state/tree.js";
import { open } from "./dialog.js";
import { attribute, fill, framed, h, once, unique } from "./dom.js";
import { span } from "./clock.js";
import { failed, loading, sentence } from "./states.js";

/**
 * @typedef {object} Form
 * @property {string} name
 * @property {string} now what is being done, while it is
 * @property {boolean} [ofRun] it is meant for the run that is seen, not for a later one
 * @property {boolean} [grave] it takes something away
 * @property {{ key: string, text: string }} [option]
 */

/** @type {Record<string, Form>} */
export const FORMS = {
  start: { name: "Start", now: "Starting", option: { key: "override", text: "Even while its breaker is open, or a run that could not be ended is in its place (role admin)" } },
  stop: { name: "Stop", now: "Stopping", ofRun: true, grave: true },
  restart: { name: "Restart", now: "Restarting", ofRun: true },
  reload: { name: "Reload", now: "Reloading", ofRun: true },
  recycle: { name: "Recycle", now: "Recycling", ofRun: true },
  pause: { name: "Pause", now: "Pausing", option: { key: "freeze", text: "Suspend its processes as well: they stand still until the pause ends" } },
  resume: { name: "Resume", now: "Resuming" },
  quarantine: { name: "Quarantine", now: "Putting into quarantine", grave: true },
  release: { name: "Release", now: "Releasing" },
  reset: { name: "Reset", now: "Resetting", option: { key: "start", text: "And start it at once" } },
  acknowledge: { name: "Acknowledge", now: "Acknowledging" },
  remove: { name: "Remove", now: "Removing", grave: true },
  drain: { name: "Drain", now: "Draining", grave: true },
};

/**
 * Makes the list of commands of a child, which follows what it does.
 *
 * @param {string} path
 * @param {AbortSignal} signal
 */
export function commands(path, signal) {
  const list = h("ul", { class: "commands" });
  const element = h("section", { class: "card commands-card", "aria-label": "Commands" }, h("h2", {}, "Commands"), list);
  fill(list, h("li", {}, loading("Asking what is possible")));
  const draw = once((/** @type {Api.Choice[]} */ choices) => {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.verb : undefined;
    fill(list, ...choices.filter((choice) => FORMS[choice.command]).map((choice) => row(path, choice)));
    // Who was at a button when the list was drawn anew is there again.
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-verb="${CSS.escape(focused)}"]`))?.focus();
  });
  let isAsking = false;
  let isStale = true;
  const ask = async () => {
    if (isAsking) {
      isStale = true;
      return;
    }
    isAsking = true;
    while (isStale && !signal.aborted) {
      isStale = false;
      try {
        draw(await get(`choices/${segment(path)}`, {}, signal));
      } catch (error) {
        if (isLetGo(error)) return;
        if (!(error instanceof Trouble)) throw error;
        if (!error.isPassing) fill(list, h("li", {}, failed(error)));
      }
    }
    isAsking = false;
  };
  const soon = framed(() => void ask());
  /** @type {Api.Child | undefined} */
  let last;
  tree.watch(() => {
    const child = tree.children.get(path);
    if (child === last) return;
    last = child;
    isStale = true;
    soon();
  }, signal);
  soon();
  return element;
}

/**
 * @param {string} path
 * @param {Api.Choice} choice
 */
function row(path, choice) {
  const form = /** @type {Form} */ (FORMS[choice.command]);
  const id = unique();
  const text = choice.possible ? choice.effect : choice.why_not ?? "not now";
  const button = h(
    "button",
    {
      type: "button",
      "data-verb": choice.command,
      "aria-disabled": choice.possible ? null : "true",
      "aria-describedby": id,
      on: { click: () => choice.possible && confirm(path, choice.command, choice.effect) },
    },
    `${form.name}${choice.possible ? " …" : ""}`,
  );
  return h("li", { class: choice.possible ? "" : "not" }, button, h("span", { id, class: "small muted" }, sentence(text)));
}

/**
 * Asks for a reason, then gives the command.
 *
 * @param {string} path
 * @param {string} verb
 * @param {string} effect
 * @param {{ option?: boolean }} [before]
 */
export function confirm(path, verb, effect, before = {}) {
  const form = FORMS[verb];
  if (!form) return;
  const child = tree.children.get(path);
  const run = child?.run ?? null;
  const name = path || "the whole tree";
  const why = h("textarea", { rows: 2, required: true, maxlength: 4096, autofocus: true, "aria-describedby": "why-more" });
  const option = form.option ? h("input", { type: "checkbox", set: { checked: before.option ?? false } }) : null;
  const only = form.ofRun && run !== null ? h("input", { type: "checkbox", set: { checked: true } }) : null;
  const said = h("div", { role: "status", "aria-live": "polite" });
  const send = h("button", { type: "submit", class: form.grave ? "danger" : "primary" }, form.name);
  /** The same command sent again has the same id; another one, another. */
  let sent = { text: "", id: "" };
  const end = new AbortController();

  const give = async () => {
    /** @type {Api.Command} */
    const command = {
      verb: { [verb]: form.option && option?.checked ? { [form.option.key]: true } : {} },
      target: path,
      why: why.value.trim(),
    };
    if (only?.checked && run !== null) command.if_run = run;
    const text = JSON.stringify(command);
    if (sent.text !== text) sent = { text, id: commandId() };
    attribute(send, "disabled", true);
    fill(said, loading(form.now));
    try {
      /** @type {Api.Reply} */
      const reply = await post("commands", { ...command, id: sent.id }, end.signal);
      dialog.close();
      tell(inWords(reply));
      tree.askSoon(null);
    } catch (error) {
      if (isLetGo(error)) return;
      if (!(error instanceof Trouble)) throw error;
      fill(said, failed(error, error.isPassing ? "Sent again it has one effect, even if it was carried out before." : undefined));
      fill(send, error.isPassing ? "Send again" : form.name);
    }
    attribute(send, "disabled", null);
  };

  const dialog = open(`${form.name} ${name}?`, (close) =>
    h(
      "form",
      {
        on: {
          submit: (/** @type {Event} */ event) => {
            event.preventDefault();
            if (why.value.trim() === "") {
              why.setCustomValidity("Say why: it stands in the history, for whoever asks later.");
              why.reportValidity();
              return;
            }
            void give();
          },
        },
      },
      h("p", {}, sentence(effect)),
      child ? h("p", { class: "small muted" }, `Now: ${child.state}${run === null ? "" : `, run #${run}`}.`) : null,
      h("label", {}, "Why", why, h("span", { class: "small muted", id: "why-more" }, `Noted in the history${tree.me ? ` with your name, ${tree.me.who}` : ""}.`)),
      option && form.option ? h("label", { class: "choice" }, option, h("span", {}, form.option.text)) : null,
      only ? h("label", { class: "choice" }, only, h("span", {}, `Only if run #${run} is still the one that runs`)) : null,
      said,
      h("p", { class: "actions" }, h("button", { type: "button", on: { click: close } }, "Cancel"), send),
    ),
  );
  why.addEventListener("input", () => why.setCustomValidity(""));
  why.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send.click();
  });
  dialog.addEventListener("close", () => end.abort());
}

/** @param {Api.Reply} reply */
function inWords(reply) {
  const next = reply.next ? ` ${sentence(`Next: ${reply.next.what}, in ${span(reply.next.in_ms)}`)}` : "";
  const durable = reply.durable ? "" : " It is not on the disk: the journal cannot be written.";
  return `${sentence(reply.text)}${reply.changed ? "" : " Nothing had to be changed."}${next}${durable}`;
}

/**
 * Says something to whoever looks, and lets it go after a while.
 *
 * @param {string} text
 */
export function tell(text) {
  const place = document.getElementById("told");
  if (!place) return;
  const note = h("div", {}, h("span", {}, text), h("button", { type: "button", class: "plain", "aria-label": "Close this message", on: { click: () => note.remove() } }, "✕"));
  fill(place, note);
  setTimeout(() => note.remove(), 12_000);
}

/**
 * Reads a command as it would be typed, as far as we can give it ourselves.
 *
 * @param {string} text
 */
export function typed(text) {
  const [program, verb = "", ...rest] = text.split(/\s+/);
  const form = FORMS[verb];
  if (program !== "mainstay" || !form || verb === "drain") return null;
  const paths = rest.filter((word) => !word.startsWith("-"));
  const flags = rest.filter((word) => word.startsWith("-"));
  if (paths.length !== 1 || flags.some((flag) => flag !== `--${form.option?.key}`)) return null;
  return { verb, path: paths[0] ?? "", option: flags.length > 0 };
}
