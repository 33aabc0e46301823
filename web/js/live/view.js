/**
 * The live view under the inputs of a sampler: picture, maps, places and energies while it samples.
 *
 * @typedef {import("./message.js").Message} Message
 * @typedef {import("./message.js").Point} Point
 * @typedef {{ open?: boolean, hidden: string[] }} Choices what the user chose, kept in the workflow
 */

import { colourOf, css } from "../colours.js";
import { button, cleared, element, keepEvents } from "../dom.js";
import { text } from "../text.js";
import { series } from "./curve.js";
import { paintCurve, paintStage } from "./paint.js";

export const BAR = 28; // height of the closed view
export const LEAST = 250; // of the open one

export class LiveView {
  /**
   * @param {() => Choices} choices
   * @param {(choices: Choices) => void} choose
   * @param {() => void} resized the view takes another height now
   */
  constructor(choices, choose, resized) {
    this.choices = choices;
    this.choose = choose;
    this.resized = resized;
    /** @type {Message | null} */
    this.message = null;
    /** @type {HTMLImageElement | null} */
    this.picture = null;
    /** @type {Map<string, Point[]>} */
    this.trails = new Map();
    this.stopped = false;
    this.frame = 0;
    this.root = element("div", "self-guidance-view");
    this.switch = button("self-guidance-switch", text("live.title", "Live view"), () =>
      this.setOpen(!this.open),
    );
    this.status = element("span", "self-guidance-status");
    this.stage = element("canvas", "self-guidance-stage");
    this.chips = element("div", "self-guidance-chips");
    this.plot = element("canvas", "self-guidance-plot");
    this.energy = element("div", "self-guidance-note");
    this.arrange();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.stage);
    this.refresh();
  }

  arrange() {
    this.status.setAttribute("role", "status");
    const bar = element("div", "self-guidance-bar");
    bar.append(this.switch, this.status);
    const stage = element("div", "self-guidance-frame");
    stage.append(this.stage);
    const plot = element("div", "self-guidance-plot-frame");
    plot.append(this.plot, this.energy);
    const body = element("div", "self-guidance-body");
    body.append(stage, this.chips, plot);
    this.root.append(bar, body);
    keepEvents(this.root, ["Enter", " "]);
  }

  /** Opens by itself at the first step, unless the user closed it. */
  get open() {
    return this.choices().open ?? this.message !== null;
  }

  /** @param {boolean} open */
  setOpen(open) {
    this.choose({ ...this.choices(), open });
    this.refresh();
    this.resized();
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
    if (!wasOpen && this.open) this.resized();
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
    const open = this.open;
    this.root.classList.toggle("self-guidance-closed", !open);
    this.switch.setAttribute("aria-expanded", String(open));
    this.switch.title = open ? text("live.close", "Hide the view") : text("live.open", "Show it");
    this.status.textContent = this.state();
    this.fillChips();
    this.draw();
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
    const hidden = this.choices().hidden;
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
    const hidden = this.choices().hidden;
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
    const { hidden, ...rest } = this.choices();
    const others = hidden.filter((other) => other !== name);
    this.choose({ ...rest, hidden: others.length < hidden.length ? others : [...hidden, name] });
    this.refresh();
  }

  /** Draw before the next frame of the screen, once however often it is asked for. */
  draw() {
    if (this.frame || !this.open) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
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
    if (!plot || !total) return;
    const ink = getComputedStyle(this.root).color;
    paintCurve(plot, curve, this.message?.steps ?? 1, this.shown, ink);
  }

  /** Let go of everything once the node is gone. */
  dispose() {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.root.remove();
    this.message = this.picture = null;
  }
}
