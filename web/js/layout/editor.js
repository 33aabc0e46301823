/**
 * The canvas in the node: connects the model, the stage and the panel.
 *
 * @typedef {import("./drag.js").Step} Step
 * @typedef {import("./model.js").Seen} Seen
 * @typedef {import("./panel.js").Acts} Acts
 * @typedef {import("./panel.js").Field} Field
 * @typedef {import("./value.js").Item} Item
 */

import { text } from "../text.js";
import { element } from "./dom.js";
import { changed, dropped, grown, movedTo, stretched, switched, turnedTo } from "./edits.js";
import { withAdded } from "./edits.js";
import { pressed } from "./keys.js";
import { Model } from "./model.js";
import { Panel } from "./panel.js";
import { Pointer } from "./pointer.js";
import { Stage } from "./stage.js";
import { same } from "./value.js";

let made = 0;

export class Editor {
    #model = new Model();
    #stage = new Stage();
    #panel;
    #changed;
    #pointer;
    #snap = false;
    /** @type {Step | null} what a drag makes of an object, so far */
    #draft = null;
    #note = element("div", { class: "sgl-note", role: "status" });
    #veil = element("div", { class: "sgl-veil" });
    // The page takes Ctrl+Z and Delete for the graph unless an input has the focus.
    #keys = element("input", { class: "sgl-keys", readonly: "", inputmode: "none" });
    #sized = new ResizeObserver(() => this.#measure());

    /** @param {() => void} whenChanged called after every edit by the user */
    constructor(whenChanged) {
        this.#changed = whenChanged;
        this.#panel = new Panel(this.#acts(), `sgl-panel-${++made}`);
        const inner = element("div", { class: "sgl-inner" });
        inner.append(this.#keys, this.#stage.svg, this.#veil);
        /** The element that is shown. */
        this.element = element("div", { class: "sgl widget-expands" }, this.#panel.top, inner);
        this.element.append(this.#panel.bottom, this.#note);
        this.#pointer = this.#listen();
        this.draw();
    }

    /** The layout as the workflow stores it. */
    get value() {
        return this.#model.text;
    }

    /** @param {string} value from outside */
    set value(value) {
        this.#pointer.cancel();
        this.#model.load(value);
        this.draw();
    }

    /** @param {Seen | null} seen the message of a run */
    show(seen) {
        this.#pointer.cancel();
        this.#model.seen = seen;
        this.draw();
    }

    /** Follow the size of the element on the page, until `disconnect`. */
    connect() {
        this.#sized.observe(this.#stage.svg);
    }

    disconnect() {
        this.#sized.disconnect();
    }

    draw() {
        const model = this.#model;
        const item = this.#draft?.item;
        const items = item ? changed(model.items, item.phrase, () => item) : model.items;
        this.#stage.draw({
            items,
            lines: this.#draft?.lines ?? { x: null, y: null },
            selected: model.selected,
            picture: model.seen?.picture ?? null,
            boxes: model.seen?.boxes ?? [],
            aspect: model.seen?.aspect ?? 1,
            missing: (one) => model.missing(one),
        });
        this.#panel.draw(model, items);
        this.#tell(items);
    }

    /** @param {Item[]} items */
    #tell(items) {
        const { problem, seen, edited } = this.#model;
        this.#veil.hidden = problem === null && items.length > 0;
        this.#veil.classList.toggle("sgl-problem", problem !== null);
        this.#veil.textContent =
            problem === null
                ? text(
                      "layout.empty",
                      "Run once: the picture and its objects appear here. Then drag them.",
                  )
                : text(
                      "layout.broken",
                      "This layout cannot be read: {problem}. Put everything back to start anew.",
                      { problem },
                  );
        const lost = items.find((item) => this.#model.missing(item));
        this.#note.classList.toggle("sgl-problem", lost !== undefined);
        this.#note.textContent = this.#hint(items, seen !== null, edited, lost);
    }

    /**
     * @param {Item[]} items
     * @param {boolean} seen whether a run has sent its objects
     * @param {boolean} edited
     * @param {Item} [lost]
     */
    #hint(items, seen, edited, lost) {
        if (lost) {
            const name = lost.phrase.slice(0, 40);
            return text(
                "layout.lost",
                "“{name}” is not in the prompt: delete it here, or write it there",
                { name },
            );
        }
        if (!items.length) return "";
        if (!seen) return text("layout.unseen", "Run to see the picture");
        if (this.#model.seen?.boxes.length) {
            return text("layout.boxed", "Dotted: boxes of another node, which win over the canvas");
        }
        if (edited) return "";
        return text("layout.still", "Drag an object to move it; what you leave alone stays");
    }

    #measure() {
        const { clientWidth, clientHeight } = this.#stage.svg;
        if (!clientWidth || !clientHeight) return; // not visible now
        this.#stage.resize(clientWidth, clientHeight);
        this.draw();
    }

    /** @param {(items: Item[]) => Item[]} change */
    #edit(change) {
        this.#after(this.#model.edit(change));
    }

    /** @param {boolean} different whether the layout is another one now */
    #after(different) {
        if (different) this.#changed();
        this.draw();
    }

    /** @param {(item: Item) => Item} change */
    #editCurrent(change) {
        this.#edit((items) => changed(items, this.#model.selected, change));
    }

    /** @param {string | null} phrase */
    #select(phrase) {
        this.#model.selected = phrase;
        this.draw();
    }

    /** @returns {Acts} */
    #acts() {
        return {
            undo: () => this.#after(this.#model.undo()),
            redo: () => this.#after(this.#model.redo()),
            reset: () => this.#after(this.#model.reset()),
            snap: (on) => {
                this.#snap = on;
            },
            add: (phrase) => {
                this.#edit((items) => withAdded(items, phrase));
                const found = this.#model.items.find((item) => same(item.phrase) === same(phrase));
                this.#select(found?.phrase ?? null);
            },
            select: (phrase) => this.#select(phrase),
            turnInto: (kind) => this.#editCurrent((item) => switched(item, kind)),
            drop: () => {
                const item = this.#model.current;
                const gone = item !== undefined && this.#model.missing(item);
                this.#edit((items) => dropped(items, this.#model.selected, gone));
            },
            enter: (field, value) => this.#editCurrent((item) => entered(item, field, value)),
        };
    }

    #listen() {
        const acts = this.#acts();
        const pointer = new Pointer(this.#stage, {
            items: () => this.#model.items,
            snap: () => this.#snap,
            select: (phrase) => {
                this.#keys.focus({ preventScroll: true });
                this.#select(phrase);
            },
            preview: (step) => {
                this.#draft = step;
                this.draw();
            },
            commit: () => {
                const item = this.#draft?.item;
                this.#draft = null;
                this.#edit((all) => (item ? changed(all, item.phrase, () => item) : all));
            },
        });
        const doing = {
            ...acts,
            leave: () => void (pointer.cancel() || this.#select(null)),
            next: (/** @type {number} */ step) => this.#next(step),
            change: (/** @type {(item: Item) => Item} */ change) => this.#editCurrent(change),
        };
        const keys = text(
            "layout.keys",
            "Layout of the picture. Page Up and Page Down choose an object; arrows move it, with " +
                "Shift further; plus and minus resize, square brackets turn; K locks, F frees, " +
                "Delete puts it back.",
        );
        this.#keys.setAttribute("aria-label", keys);
        this.#keys.addEventListener("keydown", (event) => {
            if (!pressed(event, doing)) return;
            event.preventDefault();
            event.stopPropagation(); // else the graph deletes the node
        });
        return pointer;
    }

    /** @param {number} step */
    #next(step) {
        const names = this.#model.items.map(({ phrase }) => phrase);
        if (!names.length) return;
        const now = names.indexOf(this.#model.selected ?? "");
        const next = now < 0 ? (step > 0 ? 0 : -1) : now + step;
        this.#select(names.at(next % names.length) ?? null);
    }
}

/**
 * @param {Item} item
 * @param {Field} field
 * @param {number} value
 * @returns {Item}
 */
function entered(item, field, value) {
    switch (field) {
        case "x":
            return movedTo(item, value, item.y);
        case "y":
            return movedTo(item, item.x, value);
        case "scale":
            return grown(item, value / item.scale);
        case "width":
            return stretched(item, value, item.height);
        case "height":
            return stretched(item, item.width, value);
        default:
            return turnedTo(item, value);
    }
}
