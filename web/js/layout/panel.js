/**
 * The buttons, the list of objects and the numbers around the stage. It calls `acts` for
 * what the user asks for and changes nothing itself.
 *
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./value.js").Item} Item
 * @typedef {object} Acts
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {() => void} reset
 * @property {(on: boolean) => void} snap
 * @property {(phrase: string) => void} add
 * @property {(phrase: string | null) => void} select
 * @property {(kind: "keep" | "free") => void} turnInto
 * @property {() => void} drop
 * @property {(field: Field, value: number) => void} enter
 * @typedef {"x" | "y" | "scale" | "width" | "height" | "rotation"} Field
 */

import { text } from "../text.js";
import { button, element } from "./dom.js";
import { COLOURS } from "./stage.js";
import { edited, LARGEST, SMALLEST } from "./value.js";

/** @type {Record<Field, { low: number, high: number, step: number, digits: number }>} */
const FIELDS = {
    x: { low: 0, high: 1, step: 0.01, digits: 3 },
    y: { low: 0, high: 1, step: 0.01, digits: 3 },
    scale: { low: SMALLEST, high: LARGEST, step: 0.05, digits: 2 },
    width: { low: 0.02, high: 1, step: 0.01, digits: 3 },
    height: { low: 0.02, high: 1, step: 0.01, digits: 3 },
    rotation: { low: -180, high: 180, step: 5, digits: 1 },
};

export class Panel {
    #acts;
    #bar = element("div", { class: "sgl-bar", role: "toolbar" });
    #list = element("div", { class: "sgl-list", role: "listbox" });
    #fields = element("div", { class: "sgl-fields" });
    #words = element("datalist");
    /** @type {Map<string, HTMLButtonElement>} */
    #buttons = new Map();
    /** @type {Map<Field, HTMLLabelElement>} */
    #labels = new Map();

    /**
     * @param {Acts} acts
     * @param {string} name unlike that of any other on the page
     */
    constructor(acts, name) {
        this.#acts = acts;
        this.#words.id = `${name}-words`;
        this.#bar.setAttribute("aria-label", text("layout.tools", "Layout tools"));
        this.#list.setAttribute("aria-label", text("layout.objects", "Objects"));
        this.#fillBar();
        this.#fillFields();
        /** Above and below the stage. */
        this.top = this.#bar;
        this.bottom = element("div", { class: "sgl-panel" }, this.#list, this.#fields);
    }

    #fillBar() {
        const { undo, redo, reset, snap } = this.#acts;
        this.#put("undo", text("layout.undo", "Undo (Ctrl+Z)"), undo);
        this.#put("redo", text("layout.redo", "Redo (Ctrl+Shift+Z)"), redo);
        const title = text("layout.snap", "Snap to the grid, to the start and to other objects");
        const catches = this.#put("snap", title, () => {
            const on = catches.getAttribute("aria-pressed") !== "true";
            catches.setAttribute("aria-pressed", String(on));
            snap(on);
        });
        catches.setAttribute("aria-pressed", "false");
        this.#bar.append(this.#adder());
        this.#put("reset", text("layout.reset", "Put everything back"), reset);
    }

    /**
     * @param {Parameters<typeof button>[0]} name
     * @param {string} title
     * @param {() => void} act
     */
    #put(name, title, act) {
        const made = button(name, title, act);
        this.#buttons.set(name, made);
        this.#bar.append(made);
        return made;
    }

    #adder() {
        const title = text("layout.add", "Add an object, in the prompt's words");
        const entry = element("input", {
            type: "text",
            maxlength: "200",
            list: this.#words.id,
            "aria-label": title,
            title,
            placeholder: text("layout.addShort", "Add object"),
        });
        const act = () => {
            if (entry.value.trim()) this.#acts.add(entry.value);
            entry.value = "";
        };
        entry.addEventListener("keydown", (event) => {
            if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
            event.stopPropagation();
            act();
        });
        return element("span", { class: "sgl-add" }, entry, this.#words, button("add", title, act));
    }

    #fillFields() {
        const names = {
            x: text("layout.x", "X"),
            y: text("layout.y", "Y"),
            scale: text("layout.scale", "Size ×"),
            width: text("layout.width", "W"),
            height: text("layout.height", "H"),
            rotation: text("layout.rotation", "Angle °"),
        };
        for (const field of /** @type {Field[]} */ (Object.keys(FIELDS))) {
            const { low, high, step } = FIELDS[field];
            const limits = { min: String(low), max: String(high), step: String(step) };
            const entry = element("input", { type: "number", ...limits, name: field });
            entry.addEventListener("change", () => this.#entered(field, entry));
            const label = element("label", {}, names[field], entry);
            this.#labels.set(field, label);
            this.#fields.append(label);
        }
        const { turnInto, drop } = this.#acts;
        const keep = text("layout.keep", "Lock: it stays where and as it is (K)");
        const free = text("layout.free", "Free: the model may change it (F)");
        const gone = text("layout.drop", "Delete it, or put it back at its start (Delete)");
        for (const made of [
            button("keep", keep, () => turnInto("keep")),
            button("free", free, () => turnInto("free")),
            button("drop", gone, drop),
        ]) {
            this.#buttons.set(made.dataset.act ?? "", made);
            this.#fields.append(made);
        }
    }

    /**
     * @param {Field} field
     * @param {HTMLInputElement} entry
     */
    #entered(field, entry) {
        const { low, high } = FIELDS[field];
        const value = entry.valueAsNumber;
        if (Number.isFinite(value)) this.#acts.enter(field, Math.min(Math.max(value, low), high));
        else this.#acts.select(entry.dataset.phrase ?? null); // shows the unchanged number again
    }

    /**
     * @param {Model} model
     * @param {Item[]} items as they are shown, in the middle of a drag
     */
    draw(model, items) {
        const item = items.find(({ phrase }) => phrase === model.selected);
        this.#enable("undo", model.undoable);
        this.#enable("redo", model.redoable);
        this.#enable("reset", model.text !== "");
        this.#drawList(model, items);
        this.#drawFields(item);
        const known = new Set(items.map(({ phrase }) => phrase));
        const words = (model.seen?.words ?? []).filter((word) => !known.has(word));
        this.#words.replaceChildren(...words.map((word) => element("option", { value: word })));
    }

    /**
     * @param {Model} model
     * @param {Item[]} items
     */
    #drawList(model, items) {
        const held = this.#list.contains(document.activeElement);
        const entries = items.map((item, index) => {
            const chosen = item.phrase === model.selected;
            const entry = element("button", { type: "button", role: "option" }, item.phrase);
            entry.style.setProperty("--own", COLOURS[index % COLOURS.length] ?? "white");
            entry.dataset.kind = item.kind;
            entry.dataset.edited = String(edited(item));
            entry.setAttribute("aria-selected", String(chosen));
            entry.title = model.missing(item)
                ? text("layout.missing", "{name} is not in the prompt", { name: item.phrase })
                : item.phrase;
            entry.classList.toggle("sgl-missing", model.missing(item));
            entry.addEventListener("click", () => this.#acts.select(item.phrase));
            return entry;
        });
        this.#list.replaceChildren(...entries);
        if (held) entries.find((entry) => entry.ariaSelected === "true")?.focus();
    }

    /** @param {Item | undefined} item */
    #drawFields(item) {
        const kinds = { move: ["x", "y", "scale", "rotation"], add: ["x", "y", "width", "height"] };
        const wanted = item?.kind === "move" || item?.kind === "add" ? kinds[item.kind] : [];
        for (const [field, label] of this.#labels) {
            label.hidden = !wanted.includes(field);
            const entry = label.querySelector("input");
            if (!entry || !item || document.activeElement === entry) continue;
            entry.value = String(Number(item[field].toFixed(FIELDS[field].digits)));
            entry.dataset.phrase = item.phrase;
        }
        for (const kind of ["keep", "free"]) {
            const made = this.#buttons.get(kind);
            if (made) made.hidden = !item || item.kind === "add";
            made?.setAttribute("aria-pressed", String(item?.kind === kind));
        }
        const drop = this.#buttons.get("drop");
        if (drop) drop.hidden = !item;
        this.#fields.classList.toggle("sgl-none", !item);
    }

    /**
     * @param {string} name
     * @param {boolean} on
     */
    #enable(name, on) {
        const made = this.#buttons.get(name);
        if (made) made.disabled = !on;
    }
}
