/**
 * The effects of keys on the canvas.
 *
 * @typedef {import("./value.js").Item} Item
 * @typedef {object} Doing
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {() => void} drop
 * @property {() => void} leave what a drag does, else the selection
 * @property {(step: number) => void} next
 * @property {(kind: "keep" | "free") => void} turnInto
 * @property {(change: (item: Item) => Item) => void} change of the selected object
 */

import { grown, movedTo, turnedTo } from "./edits.js";

const NEAR = 0.01; // of the picture's side
const FAR = 0.05;
/** @type {Record<string, [number, number]>} */
const ARROWS = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
};

/**
 * @param {KeyboardEvent} event
 * @param {Doing} doing
 * @returns {boolean} whether the key was for the canvas
 */
export function pressed(event, doing) {
    if (event.altKey) return false;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) return history(key, event.shiftKey, doing);
    const arrow = Object.hasOwn(ARROWS, key) ? ARROWS[key] : undefined;
    if (arrow) {
        const step = event.shiftKey ? FAR : NEAR;
        const [x, y] = arrow;
        doing.change((item) => movedTo(item, item.x + x * step, item.y + y * step));
        return true;
    }
    const known = acts(event.shiftKey, doing);
    const act = Object.hasOwn(known, key) ? known[key] : undefined;
    act?.();
    return act !== undefined;
}

/**
 * @param {string} key
 * @param {boolean} shift
 * @param {Doing} doing
 */
function history(key, shift, doing) {
    if (key === "z") (shift ? doing.redo : doing.undo)();
    else if (key === "y") doing.redo();
    else return false;
    return true;
}

/**
 * @param {boolean} shift
 * @param {Doing} doing
 * @returns {Record<string, () => void>}
 */
function acts(shift, doing) {
    const turn = shift ? 15 : 5;
    const larger = () => doing.change((item) => grown(item, 1.05));
    const smaller = () => doing.change((item) => grown(item, 1 / 1.05));
    const left = () => doing.change((item) => turnedTo(item, item.rotation - turn));
    const right = () => doing.change((item) => turnedTo(item, item.rotation + turn));
    return {
        Delete: doing.drop,
        Backspace: doing.drop,
        Escape: doing.leave,
        PageDown: () => doing.next(1),
        PageUp: () => doing.next(-1),
        k: () => doing.turnInto("keep"),
        f: () => doing.turnInto("free"),
        "+": larger,
        "=": larger,
        "-": smaller,
        _: smaller,
        "[": left,
        "{": left,
        "]": right,
        "}": right,
    };
}
