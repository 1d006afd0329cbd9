// @ts-check
// Making elements, and changing no more of them than has changed.

/** @typedef {Node | string | number | null | undefined | false} Kid */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. `on` holds what is listened for, `set` what is set as a property; the rest are attributes, of
 * which `false`, `null` and `undefined` are left out, except those that are for screen readers: there `false` says no.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [dress]
 * @param {...(Kid | Kid[])} kids
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, dress, ...kids) {
  const element = document.createElement(tag);
  clothe(element, dress);
  append(element, kids);
  return element;
}

/**
 * The same for pictures.
 *
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [dress]
 * @param {...(Kid | Kid[])} kids
 * @returns {SVGElementTagNameMap[K]}
 */
export function s(tag, dress, ...kids) {
  const element = document.createElementNS(SVG, tag);
  clothe(element, dress);
  append(element, kids);
  return element;
}

/**
 * @param {Element} element
 * @param {Record<string, any>} [dress]
 */
export function clothe(element, dress = {}) {
  for (const [name, value] of Object.entries(dress)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, /** @type {EventListener} */ (listener));
      }
    } else if (name === "set") {
      Object.assign(element, value);
    } else {
      attribute(element, name, value);
    }
  }
}

/**
 * Sets an attribute where it is another than before.
 *
 * @param {Element} element
 * @param {string} name
 * @param {unknown} value
 */
export function attribute(element, name, value) {
  const isSaid = name.startsWith("aria-") && typeof value === "boolean";
  if (value === null || value === undefined || (value === false && !isSaid)) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true && !isSaid ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/**
 * @param {Node} element
 * @param {(Kid | Kid[])[]} kids
 */
export function append(element, kids) {
  for (const kid of kids.flat()) {
    if (kid === null || kid === undefined || kid === false) continue;
    element.appendChild(kid instanceof Node ? kid : document.createTextNode(String(kid)));
  }
}

/**
 * Puts these in the place of whatever stands in an element.
 *
 * @param {Element} element
 * @param {...(Kid | Kid[])} kids
 */
export function fill(element, ...kids) {
  const part = document.createDocumentFragment();
  append(part, kids);
  element.replaceChildren(part);
}

/**
 * Writes a text where it is another than before: a screen reader hears of nothing that has not changed.
 *
 * @param {Element} element
 * @param {string | number} text
 */
export function write(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/**
 * Makes a function that draws at most once for each value: what is the same is left as it stands, and so keeps focus,
 * selection and scroll.
 *
 * @template T
 * @param {(value: T) => void} draw
 * @returns {(value: T) => void}
 */
export function once(draw) {
  /** @type {string | undefined} */
  let last;
  return (value) => {
    const text = JSON.stringify(value);
    if (text === last) return;
    last = text;
    draw(value);
  };
}

/**
 * Makes a function that does its work in the next frame, however often it is called before.
 *
 * @param {() => void} work
 */
export function framed(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    // A page that nobody sees gets no frames; it is drawn all the same, a little later.
    const soon = document.hidden ? (/** @type {() => void} */ next) => setTimeout(next, 200) : requestAnimationFrame;
    soon(() => {
      asked = false;
      work();
    });
  };
}

let count = 0;

/** Returns a name that no other element has. */
export function unique() {
  count += 1;
  return `n${count}`;
}

/**
 * Makes of a text with `code` in it text and elements; a name that `link` knows becomes a link.
 *
 * @param {string} text
 * @param {(name: string) => string | null} [link]
 * @returns {Kid[]}
 */
export function prose(text, link) {
  return text.split("`").map((part, at) => {
    if (at % 2 === 0) return part;
    const address = link?.(part);
    return address ? h("a", { href: address, class: "code" }, part) : h("code", {}, part);
  });
}
