/**
 * Edits of a layout: functions from objects to new objects, so that every step can be undone.
 *
 * @typedef {import("./geometry.js").Point} Point
 * @typedef {import("./value.js").Item} Item
 */

import { clamped, snapped, turned } from "./geometry.js";
import { added, LARGEST, placed, same, SMALLEST } from "./value.js";

export const GRID = 0.05; // of the picture's side
export const TURN = 15; // degrees
const NEAR = 0.015; // distance at which a drag snaps to a line, fraction of the picture's side
const LEAST_SIDE = 0.02; // of the box of an added object

/**
 * @param {Item[]} items
 * @param {string | null} phrase
 * @param {(item: Item) => Item} change
 * @returns {Item[]}
 */
export function changed(items, phrase, change) {
    return items.map((item) => (item.phrase === phrase ? change(item) : item));
}

/**
 * @param {Item} item
 * @param {number} x
 * @param {number} y
 * @returns {Item} with its middle there, as near as the picture's edge lets it be
 */
export function movedTo(item, x, y) {
    return movable(item) ? { ...item, x: clamped(x, 0, 1), y: clamped(y, 0, 1) } : item;
}

/**
 * @param {Item} item
 * @param {number} factor of its sides
 * @returns {Item}
 */
export function grown(item, factor) {
    if (!movable(item) || !(factor > 0)) return item;
    if (item.kind !== "add") {
        return { ...item, scale: clamped(item.scale * factor, SMALLEST, LARGEST) };
    }
    const fits = clamped(factor, LEAST_SIDE / Math.min(item.width, item.height), Infinity);
    const side = Math.min(fits, 1 / Math.max(item.width, item.height));
    return { ...item, width: item.width * side, height: item.height * side };
}

/**
 * @param {Item} item an added one; others keep their proportions
 * @param {number} width
 * @param {number} height
 * @returns {Item}
 */
export function stretched(item, width, height) {
    if (item.kind !== "add") return item;
    const [wide, high] = [width, height].map((side) => clamped(side, LEAST_SIDE, 1));
    return { ...item, width: wide ?? item.width, height: high ?? item.height };
}

/**
 * @param {Item} item
 * @param {number} degrees
 * @returns {Item} turned to that angle; a box of an added object has none
 */
export function turnedTo(item, degrees) {
    return item.kind === "move" ? { ...item, rotation: turned(degrees) } : item;
}

/**
 * @param {Item} item
 * @param {"keep" | "free"} kind
 * @returns {Item} of that kind, or moving again if it was; back at its start
 */
export function switched(item, kind) {
    if (item.kind === "add" || !item.start) return item;
    return placed(item.phrase, item.start, item.kind === kind ? "move" : kind);
}

/**
 * Remove an added object, or move one of the reference back to its start.
 *
 * @param {Item[]} items
 * @param {string | null} phrase
 * @param {boolean} gone whether the reference has no such object
 * @returns {Item[]}
 */
export function dropped(items, phrase, gone = false) {
    return items.flatMap((item) => {
        if (item.phrase !== phrase) return [item];
        return item.kind === "add" || gone || !item.start ? [] : [placed(item.phrase, item.start)];
    });
}

/**
 * @param {Item[]} items
 * @param {string} phrase
 * @param {Point} [at]
 * @returns {Item[]} with an object that the reference lacks; unchanged if it is there already
 */
export function withAdded(items, phrase, at = { x: 0.5, y: 0.5 }) {
    const name = phrase.trim().slice(0, 200);
    if (!name || items.some((item) => same(item.phrase) === same(name))) return items;
    return [...items, added(name, { ...at, width: 0.3, height: 0.3 })];
}

/**
 * Snap a dragged object: to its start, the middle and thirds of the picture and the middles of
 * other objects, else to a grid.
 *
 * @param {Item} item where the pointer has it
 * @param {readonly Item[]} items
 * @returns {{ item: Item, lines: { x: number | null, y: number | null } }} the lines it caught
 */
export function caught(item, items) {
    const others = items.filter(({ phrase }) => phrase !== item.phrase);
    const start = item.start ? [item.start] : [];
    /** @param {"x" | "y"} axis @returns {[number, number | null]} */
    const along = (axis) => {
        const lines = [...start, ...others].map((other) => other[axis]);
        const all = [...lines, 0.5, 1 / 3, 2 / 3];
        const nearest = all.reduce((a, b) =>
            Math.abs(b - item[axis]) < Math.abs(a - item[axis]) ? b : a,
        );
        if (Math.abs(nearest - item[axis]) < NEAR) return [nearest, nearest];
        return [snapped(item[axis], GRID), null];
    };
    const [[x, lineX], [y, lineY]] = [along("x"), along("y")];
    return { item: movedTo(item, x, y), lines: { x: lineX, y: lineY } };
}

/** @param {Item} item @returns {boolean} whether it may be dragged */
export function movable(item) {
    return item.kind === "move" || item.kind === "add";
}
