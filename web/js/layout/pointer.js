/**
 * Drags on the stage, by mouse, pen or finger.
 *
 * @typedef {import("./drag.js").Step} Step
 * @typedef {import("./stage.js").Stage} Stage
 * @typedef {import("./value.js").Item} Item
 * @typedef {object} Host
 * @property {() => Item[]} items as they stand, without the drag
 * @property {(phrase: string | null) => void} select
 * @property {(step: Step | null) => void} preview what the drag makes of an object, so far
 * @property {() => void} commit what was previewed last
 * @property {() => boolean} snap
 */

import { Drag } from "./drag.js";
import { movable } from "./edits.js";
import { onCanvas } from "./geometry.js";

const SLACK = 3; // pixels that the pointer may move in a click

export class Pointer {
    #stage;
    #host;
    /** @type {{ id: number, drag: Drag, moved: boolean, x: number, y: number } | null} */
    #held = null;

    /**
     * @param {Stage} stage
     * @param {Host} host
     */
    constructor(stage, host) {
        this.#stage = stage;
        this.#host = host;
        const { svg } = stage;
        svg.addEventListener("pointerdown", (event) => this.#down(event));
        svg.addEventListener("pointermove", (event) => this.#move(event));
        svg.addEventListener("pointerup", (event) => this.#up(event));
        svg.addEventListener("pointercancel", () => this.cancel());
        svg.addEventListener("lostpointercapture", () => this.cancel());
    }

    /** End a drag without a trace. @returns {boolean} whether there was one */
    cancel() {
        if (!this.#held) return false;
        const { id } = this.#held;
        this.#held = null;
        if (this.#stage.svg.hasPointerCapture(id)) this.#stage.svg.releasePointerCapture(id);
        this.#host.preview(null);
        return true;
    }

    /** @param {PointerEvent} event */
    #place({ clientX, clientY }) {
        const { width, height } = this.#stage.size;
        const shown = this.#stage.svg.getBoundingClientRect();
        return onCanvas({ x: clientX, y: clientY }, shown, width, height);
    }

    /** @param {PointerEvent} event */
    #down(event) {
        if (event.button !== 0 || this.#held) return;
        event.stopPropagation(); // else the graph drags the node
        event.preventDefault(); // else the page takes the focus back
        const { part, index } = event.target instanceof SVGElement ? event.target.dataset : {};
        const item = part ? this.#host.items()[Number(index)] : undefined;
        this.#host.select(item?.phrase ?? null);
        if (!item || !movable(item)) return;
        const kind = part === "corner" || part === "turn" ? part : "body";
        const drag = new Drag(kind, item, this.#place(event), this.#stage.frame);
        const { pointerId: id, clientX: x, clientY: y } = event;
        this.#held = { id, drag, moved: false, x, y };
        this.#stage.svg.setPointerCapture(id);
    }

    /** @param {PointerEvent} event */
    #move(event) {
        const held = this.#held;
        if (held?.id !== event.pointerId) return;
        event.stopPropagation();
        held.moved ||= Math.hypot(event.clientX - held.x, event.clientY - held.y) > SLACK;
        if (!held.moved) return;
        const mode = { shift: event.shiftKey, snap: this.#host.snap() !== event.altKey };
        this.#host.preview(held.drag.step(this.#place(event), mode, this.#host.items()));
    }

    /** @param {PointerEvent} event */
    #up(event) {
        if (this.#held?.id !== event.pointerId) return;
        event.stopPropagation();
        this.#held = null;
        this.#host.commit();
    }
}
