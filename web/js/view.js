/**
 * Base of our views in nodes: a bar that opens and closes them, and the time of drawing.
 *
 * @typedef {{
 *   choices(): { open?: boolean },
 *   choose(changes: Record<string, unknown>): void,
 *   resized(): void,
 * }} Owner the node: the user's choices, stored in the workflow, and its size
 */

import { button, element, keepEvents } from "./dom.js";
import { text } from "./text.js";

export const BAR = 28; // height of a closed view

export class View {
    /**
     * @param {Owner} owner
     * @param {string} title
     * @param {readonly string[]} keys that the view uses
     */
    constructor(owner, title, keys) {
        this.owner = owner;
        this.frame = 0;
        this.root = element("div", "self-guidance-view");
        this.switch = button("self-guidance-switch", title, () => this.setOpen(!this.open));
        this.status = element("span", "self-guidance-status");
        this.status.setAttribute("role", "status");
        this.body = element("div", "self-guidance-body");
        const bar = element("div", "self-guidance-bar");
        bar.append(this.switch, this.status);
        this.root.append(bar, this.body);
        this.observer = new ResizeObserver(() => this.draw());
        this.connect();
        keepEvents(this.root, ["Enter", " ", ...keys]);
    }

    /** Whether there is something to see. */
    get filled() {
        return false;
    }

    /** Opens by itself once there is something to see, unless the user closed it. */
    get open() {
        return this.owner.choices().open ?? this.filled;
    }

    /** @param {boolean} open */
    setOpen(open) {
        this.owner.choose({ open });
        this.refresh();
        this.owner.resized();
    }

    /** @returns {string} the text of the bar */
    state() {
        return "";
    }

    refresh() {
        const open = this.open;
        this.root.classList.toggle("self-guidance-closed", !open);
        this.switch.setAttribute("aria-expanded", String(open));
        this.switch.title = open ? text("view.close", "Hide") : text("view.open", "Show");
        this.status.textContent = this.status.title = this.state();
        this.draw();
    }

    /** Draw before the next frame of the screen, once however often it is asked for. */
    draw() {
        if (this.frame || !this.open) return;
        this.frame = requestAnimationFrame(() => {
            this.frame = 0;
            this.paint();
        });
    }

    paint() {}

    /** Follow the size that the view is shown with, until `dispose`. */
    connect() {
        this.observer.observe(this.root);
    }

    /** Let go of everything once the node is gone; the page takes the element out itself. */
    dispose() {
        cancelAnimationFrame(this.frame);
        this.frame = 0; // the node may be added again
        this.observer.disconnect();
    }
}
