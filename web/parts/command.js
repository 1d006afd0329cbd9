// @ts-check
// Commands: what can be asked of a child now, why not the rest, and the dialog that asks for a reason before anything is
// sent. Whether a command makes sense is decided where it is carried out; here it is only shown.

import { Trouble, commandId, get, isLetGo, post, segment } from "../api.js";
import { tree } from "../state/tree.js";
import { open } from "./dialog.js";
import { attribute, fill, framed, h, once, prose, unique } from "./dom.js";
import { span } from "./clock.js";
import { failed, loading, ended, sentence } from "./states.js";

/**
 * @typedef {object} Form
 * @property {string} name
 * @property {string} now what is being done, while it is
 * @property {boolean} [ofRun] it is meant for the run that is seen, not for a later one
 * @property {boolean} [grave] it takes something away
 * @property {{ key: string, text: string }} [more] a further setting that can be wished
 */

/** @type {Record<string, Form>} */
export const FORMS = {
  start: { name: "Start", now: "Starting", more: { key: "override", text: "Even while its breaker is open, or a run that could not be ended is in its place" } },
  stop: { name: "Stop", now: "Stopping", ofRun: true, grave: true },
  restart: { name: "Restart", now: "Restarting", ofRun: true },
  reload: { name: "Reload", now: "Reloading", ofRun: true },
  recycle: { name: "Recycle", now: "Recycling", ofRun: true },
  pause: { name: "Pause", now: "Pausing", more: { key: "freeze", text: "Suspend what runs as well: it stands still until the pause ends" } },
  resume: { name: "Resume", now: "Resuming" },
  quarantine: { name: "Quarantine", now: "Putting into quarantine", grave: true },
  release: { name: "Release", now: "Releasing" },
  reset: { name: "Reset", now: "Resetting", more: { key: "start", text: "And start it at once" } },
  acknowledge: { name: "Acknowledge", now: "Acknowledging" },
  remove: { name: "Remove", now: "Removing", grave: true },
};

/**
 * One command as it can be given: by itself, and with the further setting that it has.
 *
 * @typedef {object} Offer
 * @property {string} verb
 * @property {Pick<Api.Choice, "possible" | "why_not" | "hint" | "effect">} plain
 * @property {Pick<Api.Choice, "possible" | "why_not" | "hint" | "effect">} [more]
 */

/**
 * @param {Api.Choice[]} choices
 * @returns {Offer[]}
 */
function offers(choices) {
  /** @type {Map<string, Offer>} */
  const all = new Map();
  for (const choice of choices) {
    const [verb = "", settings = {}] = Object.entries(choice.verb)[0] ?? [];
    const key = FORMS[verb]?.more?.key;
    if (key !== undefined && settings[key] === true) {
      const offer = all.get(verb);
      if (offer) offer.more = choice;
    } else if (FORMS[verb]) all.set(verb, { verb, plain: choice });
  }
  return [...all.values()];
}

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
    fill(list, ...offers(choices).map((offer) => row(path, offer)));
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
 * @param {Offer} offer
 */
function row(path, offer) {
  const { verb, plain, more } = offer;
  const form = /** @type {Form} */ (FORMS[verb]);
  const id = unique();
  const isPossible = plain.possible || (more?.possible ?? false);
  const text = plain.possible ? sentence(plain.effect) : `${sentence(plain.why_not ?? "not now")}${plain.hint ? ` ${plain.hint.startsWith("mainstay ") ? `\`${plain.hint}\`` : sentence(plain.hint)}` : ""}`;
  const button = h(
    "button",
    {
      type: "button",
      "data-verb": verb,
      "aria-disabled": isPossible ? null : "true",
      "aria-describedby": id,
      on: { click: () => isPossible && confirm(path, offer) },
    },
    `${form.name}${isPossible ? " …" : ""}`,
  );
  return h("li", { class: plain.possible ? "" : "not" }, button, h("span", { id, class: "small muted" }, ...prose(text)));
}

/**
 * Makes a command of which only the effect is known: whether it is possible is said when it is given.
 *
 * @param {string} verb
 * @param {string} effect
 * @returns {Offer}
 */
export function offer(verb, effect) {
  const plain = { possible: true, why_not: null, hint: null, effect };
  return { verb, plain, more: FORMS[verb]?.more ? plain : undefined };
}

/**
 * Asks for a reason, then gives the command.
 *
 * @param {string} path
 * @param {Offer} offer
 * @param {boolean} [isMore] whether its further setting is wished
 */
export function confirm(path, { verb, plain, more }, isMore = !plain.possible) {
  const form = FORMS[verb];
  if (!form) return;
  const child = tree.children.get(path);
  const run = child?.run ?? null;
  const name = path || "the whole tree";
  const why = h("textarea", { rows: 2, required: true, maxlength: 4096, autofocus: true, "aria-describedby": "why-more" });
  const effect = h("p", {});
  const option = form.more && more ? h("input", { type: "checkbox", set: { checked: isMore }, on: { change: () => tellEffect() } }) : null;
  // Where only one of both is possible, there is nothing to choose.
  if (option && more && plain.possible !== more.possible) option.disabled = true;
  const tellEffect = () => fill(effect, ...prose(sentence((option?.checked ? more : plain)?.effect ?? plain.effect)));
  tellEffect();
  const only = form.ofRun && run !== null ? h("input", { type: "checkbox", set: { checked: true } }) : null;
  const said = h("div", { role: "status", "aria-live": "polite" });
  const send = h("button", { type: "submit", class: form.grave ? "danger" : "primary" }, form.name);
  /** The same command sent again has the same id; another one, another. */
  let sent = { text: "", id: "" };
  const end = new AbortController();

  const give = async () => {
    /** @type {Api.Command} */
    const command = {
      verb: { [verb]: form.more && option?.checked ? { [form.more.key]: true } : {} },
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
      effect,
      child ? h("p", { class: "small muted" }, `Now: ${child.state}${run === null ? "" : `, run #${run}`}.`) : null,
      h("label", {}, "Why", why, h("span", { class: "small muted", id: "why-more" }, `Noted in the history${tree.me ? ` with your name, ${tree.me.name}` : ""}.`)),
      option && form.more
        ? h("label", { class: "choice" }, option, h("span", {}, form.more.text, more && !more.possible && more.why_not ? h("span", { class: "muted" }, ` (${more.why_not})`) : null))
        : null,
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
  return `${ended(reply.text)}${reply.changed ? "" : " Nothing had to be changed."}${next}${durable}`;
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
  if (program !== "mainstay" || !form) return null;
  const paths = rest.filter((word) => !word.startsWith("-"));
  const flags = rest.filter((word) => word.startsWith("-"));
  if (paths.length !== 1 || flags.some((flag) => flag !== `--${form.more?.key}`)) return null;
  return { verb, path: paths[0] ?? "", isMore: flags.length > 0 };
}
