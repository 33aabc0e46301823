/**
 * State of the canvas and its edits: the objects of the layout, those that the last run recorded,
 * and the steps that can be undone. Does not use the page.
 *
 * @typedef {import("./geometry.js").Box} Box
 * @typedef {import("./value.js").Item} Item
 * @typedef {{ phrase: string, box: Box }} Placed
 * @typedef {object} Seen the message of a run
 * @property {string} prompt
 * @property {string[]} words
 * @property {Placed[]} objects
 * @property {Placed[]} boxes where boxes of other nodes put objects
 * @property {number | null} aspect width over height of the picture
 * @property {string | null} picture where it can be fetched
 */

import { box, edited, parsed, placed, same, shifted, written } from "./value.js";

const MOST_STEPS = 100;
const MOST_SEEN = 64;

export class Model {
    /** @type {Seen | null} */
    seen = null;
    /** @type {string | null} why the text is no layout */
    problem = null;
    /** @type {string | null} */
    selected = null;
    /** @type {Item[]} as the text has them */
    #items = [];
    #text = "";
    /** @type {string[]} */
    #past = [];
    /** @type {string[]} */
    #future = [];

    /** The layout as the workflow stores it. */
    get text() {
        return this.#text;
    }

    /**
     * The objects to show: those of the layout and of the run. Objects that nobody moved are where
     * the run has them.
     *
     * @returns {Item[]}
     */
    get items() {
        if (this.problem) return [];
        const own = new Map(this.#items.map((item) => [same(item.phrase), item]));
        const shown = (this.seen?.objects ?? []).map(({ phrase, box: start }) => {
            const item = own.get(same(phrase));
            own.delete(same(phrase));
            if (!item) return placed(phrase, start);
            if (item.kind === "add") return item;
            const at = shifted(item) ? {} : { x: start.x, y: start.y };
            return { ...item, start, ...at, width: start.width, height: start.height };
        });
        return [...shown, ...own.values()];
    }

    /** @returns {Item | undefined} the object that is selected */
    get current() {
        return this.items.find((item) => item.phrase === this.selected);
    }

    /** Whether the layout asks for anything but keeping. */
    get edited() {
        return this.items.some(edited);
    }

    get undoable() {
        return this.#past.length > 0;
    }

    get redoable() {
        return this.#future.length > 0;
    }

    /**
     * Whether the run's prompt lacks an object that the layout changes or keeps.
     *
     * @param {Item} item
     */
    missing(item) {
        if (!this.seen || item.kind === "add") return false;
        return !this.seen.objects.some(({ phrase }) => same(phrase) === same(item.phrase));
    }

    /**
     * Set the text from outside: a workflow was loaded, or ComfyUI's undo was used.
     *
     * @param {string} text
     */
    load(text) {
        if (text === this.#text && !this.problem) return;
        this.#past = [];
        this.#future = [];
        this.#read(text);
    }

    /**
     * @param {(items: Item[]) => Item[]} change
     * @returns {boolean} whether anything is different now
     */
    edit(change) {
        const before = this.items;
        const after = change(before);
        if (after === before || written(after) === written(before)) return false;
        this.#past = [...this.#past, this.#text].slice(-MOST_STEPS);
        this.#future = [];
        this.#text = written(after);
        this.#items = parsed(this.#text);
        return true;
    }

    /** Forget the layout, also one that cannot be read. */
    reset() {
        if (!this.#text) return false;
        this.#past = [...this.#past, this.#text].slice(-MOST_STEPS);
        this.#future = [];
        this.#read("");
        return true;
    }

    undo() {
        return this.#step(this.#past, this.#future);
    }

    redo() {
        return this.#step(this.#future, this.#past);
    }

    /**
     * @param {string[]} from
     * @param {string[]} to
     */
    #step(from, to) {
        const text = from.pop();
        if (text === undefined) return false;
        to.push(this.#text);
        this.#read(text);
        return true;
    }

    /** @param {string} text */
    #read(text) {
        this.#text = String(text ?? "");
        this.problem = null;
        try {
            this.#items = parsed(this.#text);
        } catch (error) {
            this.#items = [];
            this.problem = error instanceof Error ? error.message.slice(0, 200) : "unknown";
        }
    }
}

/**
 * The message of a run, checked, because its names may be from anybody's workflow.
 *
 * @param {any} message
 * @param {(file: { filename: string, subfolder: string, type: string }) => string} address
 * @returns {Seen | null}
 */
export function understood(message, address) {
    if (!message || !Array.isArray(message.objects)) return null;
    const objects = inBoxes(message.objects);
    const boxes = Array.isArray(message.boxes) ? inBoxes(message.boxes) : [];
    const words = Array.isArray(message.words) ? message.words.slice(0, 500).map(String) : [];
    const aspect = message.aspect > 0.01 && message.aspect < 100 ? message.aspect : null;
    const picture = message.image ? address(message.image) : null;
    return { prompt: String(message.prompt ?? ""), words, objects, boxes, aspect, picture };
}

/** @param {any[]} entries @returns {Placed[]} */
function inBoxes(entries) {
    const found = [];
    for (const entry of entries.slice(0, MOST_SEEN)) {
        try {
            found.push({ phrase: String(entry.phrase), box: box(entry, "object") });
        } catch {
            continue; // an object whose place is unknown is not shown
        }
    }
    return found;
}
