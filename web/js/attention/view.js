/**
 * The attention browser under the inputs of a preview: words of the prompt and their maps.
 *
 * @typedef {import("./atlas.js").Atlas} Atlas
 * @typedef {import("../colours.js").Colour} Colour
 * @typedef {{ set(name: string, value: string | number): void, free(): boolean }} Inputs of the
 *   node: `free` is whether the object is a widget that can be set, or a link
 */

import { colourOf, css } from "../colours.js";
import { button, cleared, element } from "../dom.js";
import { text } from "../text.js";
import { View } from "../view.js";
import { letters, mapOf, placesOf } from "./atlas.js";
import { Controls } from "./controls.js";
import { paintMaps } from "./paint.js";

export const LEAST = 330; // height of the open view
const PINS = 16;

export class AttentionView extends View {
    /**
     * @param {import("../view.js").Owner} owner
     * @param {Inputs} inputs
     */
    constructor(owner, inputs) {
        super(owner, text("attention.title", "Words"), ["ArrowLeft", "ArrowRight", "Home", "End"]);
        this.inputs = inputs;
        /** @type {Atlas | null} */
        this.atlas = null;
        /** @type {HTMLImageElement[]} */
        this.pictures = [];
        /** @type {string | null} */
        this.hovered = null;
        this.problem = "";
        this.stage = element("canvas", "self-guidance-stage");
        this.words = element("div", "self-guidance-chips self-guidance-words");
        this.controls = new Controls(
            () => this.changed(),
            () => this.use(),
        );
        const stage = element("div", "self-guidance-frame");
        stage.append(this.stage);
        this.body.append(stage, this.words, this.controls.root);
        this.refresh();
    }

    get filled() {
        return this.atlas !== null;
    }

    /** Phrases that the user pinned; a workflow may say anything. */
    get pins() {
        const { pins } = /** @type {{ pins?: unknown }} */ (this.owner.choices());
        const names = Array.isArray(pins) ? pins : [];
        return names.filter((name) => typeof name === "string").slice(0, PINS);
    }

    /**
     * @param {Atlas} atlas
     * @param {HTMLImageElement[]} pictures
     */
    show(atlas, pictures) {
        const wasOpen = this.open;
        this.atlas = atlas;
        this.pictures = pictures;
        this.problem = "";
        this.controls.fill(atlas, this.owner.choices());
        this.fillWords();
        this.refresh();
        if (!wasOpen && this.open) this.owner.resized();
    }

    /** @param {string} problem why there is nothing to see */
    fail(problem) {
        this.atlas = null;
        this.problem = problem;
        this.fillWords();
        this.refresh();
    }

    changed() {
        this.owner.choose(this.controls.page);
        this.refresh();
    }

    state() {
        if (this.problem) return this.problem;
        if (!this.atlas) return text("attention.idle", "run to see where each word looks");
        if (this.hovered) return this.hovered;
        const { thinned, shape } = this.atlas;
        if (!thinned) return this.pins.join(" · ") || text("attention.hint", "point at a word");
        const [pictures, shown] = shape;
        const values = { shown, steps: thinned.steps, pictures, all: thinned.pictures };
        return text(
            "attention.thinned",
            "thinned: {shown} of {steps} steps, {pictures} of {all} pictures",
            values,
        );
    }

    /** Objects first, then every word that has letters. */
    get phrases() {
        const { objects = [], words = [] } = this.atlas ?? {};
        return [...new Set([...objects, ...words.filter(letters)])];
    }

    fillWords() {
        const objects = this.atlas?.objects ?? [];
        this.words.replaceChildren(
            ...this.phrases.map((name, index) => this.chip(name, index, objects.includes(name))),
        );
    }

    /**
     * @param {string} name
     * @param {number} index
     * @param {boolean} whole whether it is an object
     */
    chip(name, index, whole) {
        const made = button("self-guidance-chip", name, () => this.pin(name));
        made.classList.toggle("self-guidance-object", whole);
        made.style.setProperty("--self-guidance-colour", css(colourOf(index)));
        made.title = text("attention.pin", "Click to keep it in view");
        for (const [kind, hovered] of /** @type {[string, string | null][]} */ ([
            ["pointerenter", name],
            ["focus", name],
            ["pointerleave", null],
            ["blur", null],
        ])) {
            made.addEventListener(kind, () => this.hover(hovered));
        }
        return made;
    }

    /** @param {string | null} name */
    hover(name) {
        this.hovered = name;
        this.refresh();
    }

    /** @param {string} name */
    pin(name) {
        const others = this.pins.filter((other) => other !== name);
        const pins = others.length < this.pins.length ? others : [...others, name].slice(-PINS);
        this.owner.choose({ pins });
        this.refresh();
    }

    /** Make the pinned words, the step and the site the inputs of the node. */
    use() {
        const { step, site } = this.controls.page;
        this.inputs.set("object", this.pins.join(", "));
        this.inputs.set("step", step < 0 ? -1 : (this.atlas?.steps[step] ?? -1));
        this.inputs.set("site", site);
        this.status.textContent = text("attention.used", "run to get this mask");
    }

    refresh() {
        const pins = this.pins;
        for (const chip of this.words.children) {
            chip.setAttribute("aria-pressed", String(pins.includes(String(chip.textContent))));
        }
        this.controls.allow(pins.length > 0 && this.inputs.free());
        super.refresh();
    }

    /** Maps that are shown, with their colours: the one pointed at, or all that are pinned. */
    get shown() {
        const atlas = this.atlas;
        if (!atlas) return [];
        const phrases = this.phrases;
        return (this.hovered ? [this.hovered] : this.pins)
            .map((name) => ({ places: placesOf(atlas.words, name), index: phrases.indexOf(name) }))
            .filter(({ places }) => places.length)
            .map(({ places, index }) => ({
                map: mapOf(atlas, places, this.controls.page),
                colour: colourOf(Math.max(index, 0)),
            }));
    }

    paint() {
        const area = cleared(this.stage);
        if (!area || !this.atlas) return;
        const { picture, shape } = this.controls.page;
        const under = this.pictures[picture] ?? this.pictures[0];
        const [, , , , height, width] = this.atlas.shape;
        paintMaps(area, under ?? null, width / height, this.shown, shape);
    }

    dispose() {
        super.dispose();
        this.atlas = null;
        this.pictures = [];
    }
}
