/**
 * The live view under the inputs of a sampler: picture, maps, positions and energies of a run.
 *
 * @typedef {import("./message.js").Message} Message
 * @typedef {import("./message.js").Point} Point
 */

import { colourOf, css } from "../colours.js";
import { button, cleared, element } from "../dom.js";
import { text } from "../text.js";
import { View } from "../view.js";
import { series } from "./curve.js";
import { paintCurve, paintStage } from "./paint.js";

export const LEAST = 250; // height of the open view

export class LiveView extends View {
    /** @param {import("../view.js").Owner} owner */
    constructor(owner) {
        super(owner, text("live.title", "Live view"), []);
        /** @type {Message | null} */
        this.message = null;
        /** @type {HTMLImageElement | null} */
        this.picture = null;
        /** @type {Map<string, Point[]>} */
        this.trails = new Map();
        this.stopped = false;
        this.stage = element("canvas", "self-guidance-stage");
        this.chips = element("div", "self-guidance-chips");
        this.plot = element("canvas", "self-guidance-plot");
        this.energy = element("div", "self-guidance-note");
        const stage = element("div", "self-guidance-frame");
        stage.append(this.stage);
        const plot = element("div", "self-guidance-plot-frame");
        plot.append(this.plot, this.energy);
        this.body.append(stage, this.chips, plot);
        this.refresh();
    }

    get filled() {
        return this.message !== null;
    }

    /** Names of the objects that the user hid; a workflow may say anything. */
    get hidden() {
        const { hidden } = /** @type {{ hidden?: unknown }} */ (this.owner.choices());
        const names = Array.isArray(hidden) ? hidden : [];
        return names.filter((name) => typeof name === "string").slice(0, 64);
    }

    /** @param {Message} message of the last step */
    show(message) {
        const before = this.message;
        const wasOpen = this.open;
        if (before?.prompt !== message.prompt || message.step < before.step) {
            this.trails.clear();
            this.picture = null;
        }
        this.message = message;
        this.stopped = false;
        for (const { name, centroid } of message.objects) {
            this.trails.set(name, [...(this.trails.get(name) ?? []), centroid].slice(-200));
        }
        if (message.picture) this.load(message.picture);
        this.refresh();
        if (!wasOpen && this.open) this.owner.resized();
    }

    /** @param {string} address of the picture, a data URL */
    load(address) {
        const image = new Image();
        image.onload = () => {
            this.picture = image;
            this.draw();
        };
        image.src = address;
    }

    /** The run was interrupted, or failed. */
    stop() {
        this.stopped = true;
        this.refresh();
    }

    refresh() {
        this.fillChips();
        super.refresh();
    }

    state() {
        const at = this.message;
        if (!at) return text("live.idle", "shows each step of a run");
        const values = { step: at.step, steps: at.steps, sigma: at.sigma.toPrecision(3) };
        return this.stopped
            ? text("live.stopped", "stopped at step {step} of {steps}", values)
            : text("live.step", "step {step} of {steps} · sigma {sigma}", values);
    }

    /** Objects that are shown, with their colours. */
    get shown() {
        const hidden = this.hidden;
        return (this.message?.objects ?? [])
            .map((object, index) => ({
                ...object,
                colour: colourOf(index),
                trail: this.trails.get(object.name) ?? [],
            }))
            .filter(({ name }) => !hidden.includes(name));
    }

    fillChips() {
        const names = (this.message?.objects ?? []).map(({ name }) => name);
        const known = [...this.chips.children].map((chip) => chip.textContent);
        if (names.join("\n") !== known.join("\n")) {
            this.chips.replaceChildren(...names.map((name, index) => this.chip(name, index)));
        }
        const hidden = this.hidden;
        [...this.chips.children].forEach((chip, index) => {
            chip.setAttribute("aria-pressed", String(!hidden.includes(String(names[index]))));
        });
    }

    /**
     * @param {string} name
     * @param {number} index
     */
    chip(name, index) {
        const made = button("self-guidance-chip", name, () => this.toggle(name));
        made.style.setProperty("--self-guidance-colour", css(colourOf(index)));
        made.title = text("live.toggle", "Show or hide this object");
        return made;
    }

    /** @param {string} name */
    toggle(name) {
        const hidden = this.hidden;
        const others = hidden.filter((other) => other !== name);
        const changed = others.length < hidden.length ? others : [...hidden, name];
        this.owner.choose({ hidden: changed });
        this.refresh();
    }

    paint() {
        const stage = cleared(this.stage);
        if (stage) paintStage(stage, this.picture, this.shown);
        const curve = this.message?.curve ?? [];
        const total = series(curve, null).at(-1);
        this.root.classList.toggle("self-guidance-flat", !total);
        this.energy.textContent = total
            ? text("live.energy", "energy {value}", { value: total.value.toPrecision(3) })
            : text("live.unguided", "no term acts: the run is only recorded");
        const plot = cleared(this.plot);
        if (plot && total) paintCurve(plot, curve, this.message?.steps ?? 1, this.shown);
    }
}
