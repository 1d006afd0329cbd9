// @ts-check
// Dialogs: the browser's own, which keeps the keyboard inside, closes with Escape and gives the focus back.

import { h, unique } from "./dom.js";

/**
 * Opens a dialog. What `make` returns is its content; it gets a function that closes it.
 *
 * @param {string} title
 * @param {(close: () => void) => Node} make
 * @param {string} [kind]
 */
export function open(title, make, kind = "") {
  const id = unique();
  const dialog = h("dialog", { class: `dialog ${kind}`, "aria-labelledby": id });
  const close = () => dialog.close();
  dialog.append(h("h2", { id }, title), make(close));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    // A click on the dialog itself, not on anything in it, is one beside it.
    if (event.target === dialog) close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
