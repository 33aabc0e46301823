/**
 * Elements for the layout canvas. Names may come from anybody, so they are set as text only.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Outlines on a grid of 16, drawn for this canvas. */
export const ICONS = {
    undo: "M5 3 2 6l3 3M2 6h7a4 4 0 0 1 0 8H6",
    redo: "m11 3 3 3-3 3M14 6H7a4 4 0 0 0 0 8h3",
    snap: "M2 6h12M2 10h12M6 2v12M10 2v12",
    add: "M8 3v10M3 8h10",
    reset: "M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3",
    keep: "M4 7h8v6H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
    free: "M3 5.5V3h2.5M10.5 3H13v2.5M13 10.5V13h-2.5M5.5 13H3v-2.5",
    drop: "M3 4h10M6 4V2.5h4V4M4.5 4l.5 9.5h6l.5-9.5",
};

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function drawn(tag, attributes = {}, ...children) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
    made.append(...children);
    return made;
}

/**
 * @param {keyof typeof ICONS} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
    const path = drawn("path", { d: ICONS[name] });
    return drawn("svg", { viewBox: "0 0 16 16", class: "sgl-icon", "aria-hidden": "true" }, path);
}

/**
 * @param {keyof typeof ICONS} name
 * @param {string} title what it does, for the pointer and for screen readers
 * @param {() => void} act
 * @returns {HTMLButtonElement}
 */
export function button(name, title, act) {
    const made = element("button", { type: "button", title, "aria-label": title }, icon(name));
    made.dataset.act = name;
    made.addEventListener("click", act);
    return made;
}
