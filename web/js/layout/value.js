/**
 * The layout as the workflow stores it: plain, versioned JSON, the same that the node reads.
 *
 * guidance/layout describes the format and decides what is valid. Text may come from anybody's
 * workflow, so everything is checked here, too.
 *
 * @typedef {import("./geometry.js").Box} Box
 * @typedef {"move" | "keep" | "free" | "add"} Kind
 * @typedef {object} Item one object on the canvas
 * @property {string} phrase in the words of the prompt
 * @property {Kind} kind
 * @property {Box | null} start where the reference has it; null for one that it lacks
 * @property {number} x where its middle shall be
 * @property {number} y
 * @property {number} scale factor of the sides; 1 for an added one
 * @property {number} rotation degrees, clockwise
 * @property {number} width sides of the box of an added one; those of the start otherwise
 * @property {number} height
 */

import { clamped, turned } from "./geometry.js";

export const VERSION = 1;
export const SMALLEST = 0.05;
export const LARGEST = 20;
const MOST = { text: 65536, objects: 64, phrase: 200 };
const KINDS = ["move", "keep", "free", "add"];

/**
 * @param {string} phrase
 * @param {Box} start
 * @param {Kind} [kind]
 * @returns {Item} an object where the reference has it
 */
export function placed(phrase, start, kind = "move") {
    const { x, y, width, height } = start;
    return { phrase, kind, start, x, y, scale: 1, rotation: 0, width, height };
}

/**
 * @param {string} phrase
 * @param {Box} place
 * @returns {Item} an object that the reference lacks
 */
export function added(phrase, { x, y, width, height }) {
    return { phrase, kind: "add", start: null, x, y, width, height, scale: 1, rotation: 0 };
}

/** @param {Item} item @returns {boolean} whether it goes to another place than its start */
export function shifted(item) {
    const { start } = item;
    return item.kind === "move" && (!start || start.x !== item.x || start.y !== item.y);
}

/** @param {Item} item @returns {boolean} whether anything but keeping is asked for */
export function edited(item) {
    if (item.kind !== "move") return item.kind !== "keep";
    return shifted(item) || item.scale !== 1 || item.rotation % 360 !== 0;
}

/**
 * The objects in a text.
 *
 * @param {string} text
 * @returns {Item[]}
 * @throws {Error} the text is no layout; the message says where
 */
export function parsed(text) {
    if (typeof text !== "string" || text.length > MOST.text) throw new Error("it is too long");
    if (!text.trim()) return [];
    const value = JSON.parse(text);
    if (value?.version !== VERSION) throw new Error(`its version is not ${VERSION}`);
    const entries = value.objects;
    if (!Array.isArray(entries)) throw new Error("it has no list of objects");
    if (entries.length > MOST.objects) throw new Error("it lists too many objects");
    const items = entries.map((entry, index) => read(entry, `objects[${index}]`));
    const names = new Set(items.map(({ phrase }) => same(phrase)));
    if (names.size < items.length) throw new Error("it lists an object twice");
    return items;
}

/**
 * @param {any} entry
 * @param {string} where
 * @returns {Item}
 */
function read(entry, where) {
    const { phrase, kind } = entry ?? {};
    if (typeof phrase !== "string" || !phrase.trim() || phrase.length > MOST.phrase) {
        throw new Error(`${where} has no phrase`);
    }
    if (!KINDS.includes(kind)) throw new Error(`${where} is of an unknown kind`);
    if (kind === "add") return added(phrase, box(entry, where));
    const start = entry.start === null ? null : box(entry.start, `${where}.start`);
    const known = placed(phrase, start ?? { x: 0.5, y: 0.5, width: 0.25, height: 0.25 }, kind);
    if (kind !== "move") return { ...known, start };
    const x = number(entry.x, 0, 1, `${where}.x`);
    const y = number(entry.y, 0, 1, `${where}.y`);
    const scale = number(entry.scale, SMALLEST, LARGEST, `${where}.scale`);
    const rotation = number(entry.rotation, -360, 360, `${where}.rotation`);
    return { ...known, start, x, y, scale, rotation };
}

/**
 * @param {any} value
 * @param {string} where
 * @returns {Box}
 */
export function box(value, where) {
    const [x, y] = [number(value?.x, 0, 1, `${where}.x`), number(value?.y, 0, 1, `${where}.y`)];
    const width = number(value.width, 0, 1, `${where}.width`);
    const height = number(value.height, 0, 1, `${where}.height`);
    if (width === 0 || height === 0) throw new Error(`${where} has no area`);
    return { x, y, width, height };
}

/**
 * @param {any} value
 * @param {number} low
 * @param {number} high
 * @param {string} where
 * @returns {number}
 */
function number(value, low, high, where) {
    if (typeof value !== "number" || !(value >= low && value <= high)) {
        throw new Error(`${where} is no number from ${low} to ${high}`);
    }
    return value;
}

/**
 * @param {readonly Item[]} items
 * @returns {string} the layout as the workflow stores it
 */
export function written(items) {
    return JSON.stringify({ version: VERSION, objects: items.map(entryOf) });
}

/** @param {Item} it */
function entryOf(it) {
    const { phrase, kind } = it;
    if (kind === "add") return { phrase, kind, ...rounded(it) };
    const start = it.start && rounded(it.start);
    if (kind !== "move") return { phrase, kind, start };
    const { x, y } = rounded({ ...it, width: 1, height: 1 });
    const scale = fine(clamped(it.scale, SMALLEST, LARGEST));
    return { phrase, kind, start, x, y, scale, rotation: fine(turned(it.rotation)) };
}

/** @param {Box} value @returns {Box} */
function rounded({ x, y, width, height }) {
    /** @param {number} side */
    const part = (side) => fine(clamped(side, 0.0001, 1));
    const middle = { x: fine(clamped(x, 0, 1)), y: fine(clamped(y, 0, 1)) };
    return { ...middle, width: part(width), height: part(height) };
}

/** @param {number} value @returns {number} with four decimals, finer than any picture needs */
function fine(value) {
    return Number(value.toFixed(4));
}

/** @param {string} phrase @returns {string} what two names of the same object have in common */
export function same(phrase) {
    return phrase.trim().toLowerCase();
}
