// @ts-check
// Light, dark, or as the system says: the one thing that this browser remembers.

const NAMES = ["system", "light", "dark"];

/** Returns the present choice. */
export function theme() {
  try {
    const kept = localStorage.getItem("mainstay-colours") ?? "system";
    return NAMES.includes(kept) ? kept : "system";
  } catch {
    return "system";
  }
}

/** Goes on to the next choice, and returns it. */
export function nextTheme() {
  const next = NAMES[(NAMES.indexOf(theme()) + 1) % NAMES.length] ?? "system";
  try {
    localStorage.setItem("mainstay-colours", next);
  } catch {
    // Nothing may be kept here: the choice holds for this page.
  }
  apply(next);
  return next;
}

/** @param {string} name */
function apply(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}

apply(theme());
