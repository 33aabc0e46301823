/**
 * Draws the picture and the objects over it; `drag.js` has the effects of drags.
 *
 * @typedef {import("./geometry.js").Frame} Frame
 * @typedef {import("./geometry.js").Point} Point
 * @typedef {import("./model.js").Placed} Placed
 * @typedef {import("./value.js").Item} Item
 * @typedef {object} Scene
 * @property {Item[]} items
 * @property {string | null} selected
 * @property {string | null} picture
 * @property {number} aspect
 * @property {Placed[]} boxes of other nodes
 * @property {{ x: number | null, y: number | null }} lines that a drag caught
 * @property {(item: Item) => boolean} missing
 */

import { text } from "../text.js";
import { drawn } from "./dom.js";
import { fitted, rotated, toCanvas } from "./geometry.js";
import { edited, same, shifted } from "./value.js";

// Bright colours of different hue and lightness; a dark outline makes them visible on any picture.
export const COLOURS = [
    "#4da3ff",
    "#ff9640",
    "#3fd28f",
    "#ec6df2",
    "#f5d442",
    "#ff6478",
    "#3cd3e8",
    "#b094ff",
];
const HANDLE = 9;
const REACH = 24; // least size of what a finger can hit, pixels
const ARM = 24; // from the upper edge to the handle for rotation, pixels
const MARGIN = 6;
let made = 0;

export class Stage {
    /** @type {Frame} of the picture on the canvas */
    frame = { left: 0, top: 0, width: 1, height: 1 };
    #name = `sgl-${++made}`;
    #width = 1;
    #height = 1;
    #picture = drawn("image", { id: `${this.#name}-picture`, preserveAspectRatio: "none" });
    #empty = drawn("rect", { class: "sgl-empty" });
    #objects = drawn("g");

    constructor() {
        /** The element that is shown. */
        this.svg = drawn("svg", { class: "sgl-stage" }, this.#empty, this.#picture, this.#objects);
        // without a file, such as that of an old run, the plain background is visible
        this.#picture.addEventListener("error", () => this.#picture.removeAttribute("href"));
    }

    /**
     * @param {number} width
     * @param {number} height
     */
    resize(width, height) {
        [this.#width, this.#height] = [Math.max(1, width), Math.max(1, height)];
        this.svg.setAttribute("viewBox", `0 0 ${this.#width} ${this.#height}`);
    }

    get size() {
        return { width: this.#width, height: this.#height };
    }

    /** @param {Scene} scene */
    draw(scene) {
        const inner = fitted(this.#width - 2 * MARGIN, this.#height - 2 * MARGIN, scene.aspect);
        const [left, top] = [inner.left + MARGIN, inner.top + MARGIN];
        this.frame = { ...inner, left, top };
        const { width, height } = this.frame;
        for (const it of [this.#picture, this.#empty]) set(it, { x: left, y: top, width, height });
        this.#show(scene.picture);
        const parts = scene.items.map((item, index) => this.#object(item, index, scene));
        const front = scene.items.findIndex(({ phrase }) => phrase === scene.selected);
        const order = front < 0 ? parts : [...parts.filter((_, i) => i !== front), parts[front]];
        this.#objects.replaceChildren(
            ...this.#guides(scene.lines),
            ...order.filter((part) => part !== undefined),
            ...scene.boxes.map((placed) => this.#box(placed, scene.items)),
        );
    }

    /** @param {string | null} address */
    #show(address) {
        if (this.#picture.dataset.wanted === (address ?? "")) return;
        this.#picture.dataset.wanted = address ?? "";
        if (address) this.#picture.setAttribute("href", address);
        else this.#picture.removeAttribute("href");
    }

    /**
     * @param {Item} item
     * @returns {{ middle: Point, width: number, height: number }} on the canvas
     */
    placeOf(item) {
        const middle = toCanvas(item, this.frame);
        const width = item.width * item.scale * this.frame.width;
        return { middle, width, height: item.height * item.scale * this.frame.height };
    }

    /**
     * @param {Item} item
     * @param {number} index
     * @param {Scene} scene
     */
    #object(item, index, scene) {
        const chosen = item.phrase === scene.selected;
        const colour = COLOURS[index % COLOURS.length] ?? "white";
        const group = drawn("g", { class: `sgl-object sgl-is-${item.kind}` });
        group.style.setProperty("--own", colour);
        group.dataset.phrase = item.phrase;
        group.classList.toggle("sgl-chosen", chosen);
        group.classList.toggle("sgl-missing", scene.missing(item));
        const { middle, width, height } = this.placeOf(item);
        if (item.kind === "move" && edited(item)) {
            group.append(...this.#origin(item, index, scene.picture !== null));
        }
        const turn = `rotate(${item.rotation} ${middle.x} ${middle.y})`;
        group.append(
            hit(middle, Math.max(width, REACH), Math.max(height, REACH), turn, index, "body"),
            outline(middle, width, height, turn, "sgl-under"),
            outline(middle, width, height, turn, "sgl-outline"),
            this.#label(item, middle, height, chosen),
        );
        if (chosen) group.append(...this.#handles(item, index));
        return group;
    }

    /**
     * Where a box of another node puts an object, in the object's colour.
     *
     * @param {Placed} placed
     * @param {Item[]} items
     */
    #box({ phrase, box }, items) {
        const index = items.findIndex((item) => same(item.phrase) === same(phrase));
        const middle = toCanvas(box, this.frame);
        const [width, height] = [box.width * this.frame.width, box.height * this.frame.height];
        const lines = ["sgl-box sgl-box-under", "sgl-box"];
        const group = drawn("g", {}, ...lines.map((k) => outline(middle, width, height, "", k)));
        group.style.setProperty("--own", COLOURS[index % COLOURS.length] ?? "white");
        return group;
    }

    /**
     * The start of an object, the part of the picture that moves, and a line between the two.
     *
     * @param {Item} item
     * @param {number} index
     * @param {boolean} pictured
     */
    #origin(item, index, pictured) {
        const { start } = item;
        if (!start) return [];
        const from = toCanvas(start, this.frame);
        const to = toCanvas(item, this.frame);
        const [width, height] = [start.width * this.frame.width, start.height * this.frame.height];
        const size = { width, height };
        const corner = { x: from.x - width / 2, y: from.y - height / 2 };
        /** @type {SVGElement[]} */
        const parts = [drawn("rect", { ...corner, ...size, class: "sgl-origin" })];
        if (pictured && this.#picture.hasAttribute("href")) {
            const name = `${this.#name}-cut-${index}`;
            const window = drawn("rect", { ...corner, ...size, rx: 3 });
            const cut = drawn("clipPath", { id: name }, window);
            const picture = drawn("use", { href: `#${this.#name}-picture` });
            picture.setAttribute("clip-path", `url(#${name})`);
            const move = `translate(${to.x} ${to.y}) rotate(${item.rotation}) scale(${item.scale})`;
            const transform = `${move} translate(${-from.x} ${-from.y})`;
            parts.push(drawn("g", { transform, class: "sgl-moved" }, cut, picture));
        }
        if (shifted(item)) {
            const line = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
            parts.push(drawn("line", { ...line, class: "sgl-way" }));
            parts.push(drawn("circle", { cx: from.x, cy: from.y, r: 3, class: "sgl-from" }));
        }
        return parts;
    }

    /**
     * @param {Item} item
     * @param {Point} middle
     * @param {number} height
     * @param {boolean} chosen
     */
    #label(item, middle, height, chosen) {
        const name = item.phrase.length > 26 ? `${item.phrase.slice(0, 25)}…` : item.phrase;
        const marks = {
            move: "",
            keep: ` · ${text("layout.locked", "locked")}`,
            free: ` · ${text("layout.freed", "free")}`,
            add: ` · ${text("layout.new", "new")}`,
        };
        const label = drawn("text", { class: "sgl-label" });
        label.textContent = name + marks[item.kind];
        const [above, below] = [middle.y - height / 2 - 7, middle.y + height / 2 + 16];
        // above, unless the handle for rotation or the edge is there
        const turns = chosen && item.kind === "move";
        const y = turns || item.rotation || above < 13 ? below : above;
        const half = 3.2 * label.textContent.length;
        const end = Math.max(this.#width - half - 2, half + 2);
        label.setAttribute("x", String(Math.min(Math.max(middle.x, half + 2), end)));
        label.setAttribute("y", String(Math.min(Math.max(y, 13), this.#height - 5)));
        return label;
    }

    /**
     * @param {Item} item
     * @param {number} index
     */
    #handles(item, index) {
        if (item.kind === "keep" || item.kind === "free") return [];
        const { middle, width, height } = this.placeOf(item);
        /** @param {number} x @param {number} y */
        const at = (x, y) => rotated({ x: middle.x + x, y: middle.y + y }, middle, item.rotation);
        /** @type {SVGElement[]} */
        const parts = [];
        if (item.kind === "move") {
            const [edge, end] = [at(0, -height / 2), at(0, -height / 2 - ARM)];
            const arm = { x1: edge.x, y1: edge.y, x2: end.x, y2: end.y, class: "sgl-arm" };
            const title = text("layout.turn", "Drag to turn");
            const knob = drawn("circle", { cx: end.x, cy: end.y, r: 5, class: "sgl-knob" });
            parts.push(drawn("line", arm), knob, hit(end, REACH, REACH, "", index, "turn", title));
        }
        const title = text("layout.grow", "Drag to resize");
        for (const [x, y] of [
            [-1, -1],
            [1, -1],
            [1, 1],
            [-1, 1],
        ]) {
            const corner = at(((x ?? 0) * width) / 2, ((y ?? 0) * height) / 2);
            parts.push(outline(corner, HANDLE, HANDLE, "", "sgl-handle"));
            parts.push(hit(corner, REACH, REACH, "", index, "corner", title));
        }
        return parts;
    }

    /** @param {Scene["lines"]} lines */
    #guides({ x, y }) {
        const { left, top, width, height } = this.frame;
        const point = toCanvas({ x: x ?? 0, y: y ?? 0 }, this.frame);
        const across = { x1: left, x2: left + width, y1: point.y, y2: point.y, class: "sgl-guide" };
        const down = { x1: point.x, x2: point.x, y1: top, y2: top + height, class: "sgl-guide" };
        const found = [];
        if (y !== null) found.push(drawn("line", across));
        if (x !== null) found.push(drawn("line", down));
        return found;
    }
}

/**
 * @param {Element} it
 * @param {Record<string, number>} attributes
 */
function set(it, attributes) {
    for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, String(value));
}

/**
 * @param {Point} middle
 * @param {number} width
 * @param {number} height
 * @param {string} transform
 * @param {string} kind
 */
function outline(middle, width, height, transform, kind) {
    const corner = { x: middle.x - width / 2, y: middle.y - height / 2 };
    return drawn("rect", { ...corner, width, height, rx: 3, transform, class: kind });
}

/**
 * The area of a part that the pointer can hit; larger than its drawing.
 *
 * @param {Point} middle
 * @param {number} width
 * @param {number} height
 * @param {string} transform
 * @param {number} index of the object
 * @param {"body" | "corner" | "turn"} part
 * @param {string} [title]
 */
function hit(middle, width, height, transform, index, part, title) {
    const rect = outline(middle, width, height, transform, `sgl-hit sgl-hit-${part}`);
    rect.dataset.part = part;
    rect.dataset.index = String(index);
    if (title) rect.append(drawn("title", {}, title));
    return rect;
}
