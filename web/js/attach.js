/**
 * Add a view to a node as a widget without value, so that it is no input and not in the cache key.
 *
 * @typedef {import("./nodes.js").App} App
 * @typedef {import("./nodes.js").Node} Node
 * @typedef {import("./view.js").Owner} Owner
 */

import { keepPlace } from "./place.js";
import { BAR } from "./view.js";

/**
 * @template {import("./view.js").View} Kind
 * @param {App} app
 * @param {Node} node
 * @param {string} name of the widget
 * @param {number} least height of the open view
 * @param {(owner: Owner) => Kind} make
 * @returns {Kind}
 */
export function attach(app, node, name, least, make) {
    const kept = `self_guidance_${name.replaceAll(" ", "_")}`; // property with the user's choices
    const view = make({
        choices: () => choices(node.properties[kept]),
        choose(changes) {
            const chosen = { ...choices(node.properties[kept]), ...changes };
            node.properties[kept] = /** @type {any} */ (chosen);
            app.graph.setDirtyCanvas(true, true);
        },
        resized() {
            node.setSize([node.size[0], node.computeSize()[1]]);
            app.graph.setDirtyCanvas(true, true);
        },
    });
    view.root.style.setProperty("--self-guidance-least", `${least - 12}px`);
    const add = /** @type {any} */ (node).addDOMWidget.bind(node);
    const widget = add(name, `self-guidance-${name}`, view.root, {
        serialize: false,
        hideOnZoom: false,
        margin: 6,
        getValue: () => "",
        getMinHeight: () => (view.open ? least : BAR),
        getMaxHeight: () => (view.open ? 4096 : BAR),
    });
    widget.serialize = false;
    let leave = () => {};
    chain(node, "onAdded", () => {
        view.connect();
        leave = keepPlace(app, node, view.root, name);
    });
    chain(node, "onRemoved", () => {
        leave();
        view.dispose();
    });
    chain(node, "onConfigure", () => view.refresh());
    return view;
}

/**
 * Add a function to one of the hooks of a node.
 *
 * @param {Node} node
 * @param {"onAdded" | "onRemoved" | "onConfigure" | "onExecuted"} hook
 * @param {(value: any) => void} more
 */
export function chain(node, hook, more) {
    const own = /** @type {any} */ (node);
    const before = own[hook];
    own[hook] = function (/** @type {any[]} */ ...values) {
        before?.apply(own, values);
        more(values[0]);
    };
}

/**
 * The user's choices in a workflow, checked, because workflows may come from anybody.
 *
 * @param {any} kept
 * @returns {{ open?: boolean }}
 */
function choices(kept) {
    const { open, ...rest } = kept && typeof kept === "object" && !Array.isArray(kept) ? kept : {};
    return typeof open === "boolean" ? { open, ...rest } : rest;
}
