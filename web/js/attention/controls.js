/**
 * Which step, site and picture of a record the browser shows.
 *
 * @typedef {import("./atlas.js").Atlas} Atlas
 */

import { button, element } from "../dom.js";
import { text } from "../text.js";

export class Controls {
    /**
     * @param {() => void} changed
     * @param {() => void} use the choice shall become the node's inputs
     */
    constructor(changed, use) {
        this.root = element("div", "self-guidance-controls");
        this.scrub = element("input", "self-guidance-scrub");
        this.scrub.type = "range";
        this.scrub.min = "-1";
        this.scrub.setAttribute("aria-label", text("attention.step", "Step"));
        this.label = element("span", "self-guidance-label");
        this.site = element("select");
        this.site.setAttribute("aria-label", text("attention.site", "Attention site"));
        this.picture = element("select");
        this.picture.setAttribute("aria-label", text("attention.picture", "Picture of the batch"));
        this.shape = button("self-guidance-chip self-guidance-plain", "", () => {
            this.asShape = !this.asShape;
            changed();
        });
        this.shape.textContent = text("attention.shape", "shape");
        this.shape.title = text("attention.shapes", "Show the shape that the mask will be");
        this.use = button("self-guidance-use", text("attention.use", "Use as mask"), use);
        this.asShape = false;
        /** @type {Atlas | null} */
        this.atlas = null;
        for (const input of [this.scrub, this.site, this.picture]) {
            input.addEventListener("input", changed);
        }
        const first = element("div", "self-guidance-row");
        first.append(this.scrub, this.label);
        const second = element("div", "self-guidance-row");
        second.append(this.site, this.picture, this.shape, this.use);
        this.root.append(first, second);
    }

    /**
     * @param {Atlas} atlas
     * @param {Record<string, any>} kept what the user chose before
     */
    fill(atlas, kept) {
        this.atlas = atlas;
        const [pictures, steps] = atlas.shape;
        this.scrub.max = String(steps - 1);
        this.scrub.value = String(Number.isInteger(kept.step) ? kept.step : -1);
        const all = text("attention.sites", "all sites");
        options(this.site, [["-1", all], ...atlas.sites.map(numbered)], kept.site);
        const numbers = [...Array(pictures).keys()].map(
            (i) =>
                /** @type {[string, string]} */ ([
                    String(i),
                    text("attention.number", "picture {number}", { number: i + 1 }),
                ]),
        );
        options(this.picture, numbers, kept.picture);
        this.picture.hidden = pictures < 2;
        this.asShape = kept.shape === true;
    }

    get page() {
        return {
            step: Number(this.scrub.value),
            site: Number(this.site.value || -1),
            picture: Number(this.picture.value),
            shape: this.asShape,
        };
    }

    /** @param {boolean} usable whether something is pinned that can become the input */
    allow(usable) {
        const { step } = this.page;
        this.use.disabled = !usable;
        this.use.title = usable
            ? text("attention.uses", "Make the pinned words, this step and site the node's inputs")
            : text("attention.useless", "Pin a word first; the object input must not be wired");
        this.shape.setAttribute("aria-pressed", String(this.asShape));
        const number = this.atlas?.steps[step];
        const sigma = this.atlas?.sigmas[step]?.toPrecision(3) ?? "";
        this.label.textContent =
            number === undefined
                ? text("attention.mean", "mean of all steps")
                : text("attention.at", "step {number} · sigma {sigma}", { number, sigma });
    }
}

/**
 * @param {string} name
 * @param {number} index
 * @returns {[string, string]}
 */
function numbered(name, index) {
    return [String(index), name];
}

/**
 * @param {HTMLSelectElement} select
 * @param {[string, string][]} entries values and texts
 * @param {unknown} kept value that was chosen before
 */
function options(select, entries, kept) {
    select.replaceChildren(
        ...entries.map(([value, name]) => {
            const made = element("option", "", name);
            made.value = value;
            return made;
        }),
    );
    const known = entries.some(([value]) => value === String(kept));
    select.value = known ? String(kept) : (entries[0]?.[0] ?? "");
}
