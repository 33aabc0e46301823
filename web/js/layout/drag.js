/**
 * Effects of dragging a part of an object. Does not use the page: it gets the pointer's position.
 *
 * @typedef {import("./geometry.js").Frame} Frame
 * @typedef {import("./geometry.js").Point} Point
 * @typedef {import("./value.js").Item} Item
 * @typedef {{ shift: boolean, snap: boolean }} Mode
 * @typedef {{ item: Item, lines: { x: number | null, y: number | null } }} Step
 */

import { caught, grown, movedTo, stretched, TURN, turnedTo } from "./edits.js";
import { growth, rotated, snapped, swing, toCanvas, toPicture } from "./geometry.js";

const NO_LINES = { x: null, y: null };
const SIZE_STEP = 0.05;

export class Drag {
    /**
     * @param {"body" | "corner" | "turn"} part
     * @param {Item} item as it was
     * @param {Point} from on the canvas
     * @param {Frame} frame
     */
    constructor(part, item, from, frame) {
        this.part = part;
        this.item = item;
        this.from = from;
        this.frame = frame;
    }

    /**
     * @param {Point} to on the canvas
     * @param {Mode} mode
     * @param {readonly Item[]} items
     * @returns {Step} the object now
     */
    step(to, mode, items) {
        if (this.part === "body") return this.#moved(to, mode, items);
        const item = this.part === "turn" ? this.#turned(to, mode) : this.#grown(to, mode);
        return { item, lines: NO_LINES };
    }

    /**
     * @param {Point} to
     * @param {Mode} mode
     * @param {readonly Item[]} items
     * @returns {Step}
     */
    #moved(to, { shift, snap }, items) {
        const [was, is] = [toPicture(this.from, this.frame), toPicture(to, this.frame)];
        let [dx, dy] = [is.x - was.x, is.y - was.y];
        if (shift) [dx, dy] = Math.abs(dx) < Math.abs(dy) ? [0, dy] : [dx, 0];
        const item = movedTo(this.item, this.item.x + dx, this.item.y + dy);
        if (!snap) return { item, lines: NO_LINES };
        const found = caught(item, items);
        if (!shift) return found;
        // along an axis the other coordinate does not change
        const [x, y] = [dx ? found.item.x : this.item.x, dy ? found.item.y : this.item.y];
        return { ...found, item: movedTo(found.item, x, y) };
    }

    /**
     * @param {Point} to
     * @param {Mode} mode
     */
    #turned(to, { shift, snap }) {
        const angle = this.item.rotation + swing(toCanvas(this.item, this.frame), this.from, to);
        return turnedTo(this.item, shift || snap ? snapped(angle, TURN) : Math.round(angle));
    }

    /**
     * @param {Point} to
     * @param {Mode} mode
     */
    #grown(to, { shift, snap }) {
        const middle = toCanvas(this.item, this.frame);
        if (this.item.kind === "add" && !shift) {
            const corner = rotated(to, middle, -this.item.rotation);
            const sides = [
                (2 * Math.abs(corner.x - middle.x)) / this.frame.width,
                (2 * Math.abs(corner.y - middle.y)) / this.frame.height,
            ].map((side) => (snap ? Math.max(snapped(side, SIZE_STEP), SIZE_STEP) : side));
            return stretched(this.item, sides[0] ?? 1, sides[1] ?? 1);
        }
        const factor = growth(middle, this.from, to);
        if (!snap || this.item.kind === "add") return grown(this.item, factor);
        const scale = Math.max(snapped(this.item.scale * factor, SIZE_STEP), SIZE_STEP);
        return grown(this.item, scale / this.item.scale);
    }
}
