/**
 * Adds the layout canvas to its node, as a DOM widget of ComfyUI, for the classic canvas and for
 * Nodes 2.0. The value of the widget is the layout; the page keeps the output of the last run.
 */

import { app } from "../../../../scripts/app.js";
import { api } from "../../../../scripts/api.js";
import { chain } from "../attach.js";
import { keepPlace } from "../place.js";
import { useLocale } from "../text.js";
import { Editor } from "./editor.js";
import { element } from "./dom.js";
import { understood } from "./model.js";

const TYPE = "SELF_GUIDANCE_LAYOUT";
const OUTPUT = "self_guidance_layout"; // key in the node's output
const LEAST = { width: 340, height: 420 };
const LATER = [0, 100, 500, 1500]; // ms; the page restores outputs some time after the node

/**
 * @param {ComfyNode} node
 * @param {string} name of the input
 */
function canvasWidget(node, name) {
    const editor = new Editor(() => {
        app.canvas?.emitBeforeChange();
        widget.callback?.(editor.value);
        node.graph?.setDirtyCanvas(true, false);
        app.canvas?.emitAfterChange(); // a step for ComfyUI's undo
    });
    const widget = node.addDOMWidget(name, TYPE, editor.element, {
        getValue: () => editor.value,
        setValue: (value) => {
            editor.value = String(value ?? "");
        },
        getMinHeight: () => LEAST.height,
        margin: 4,
    });
    follow(node, editor, name);
    forward(editor.element);
    return { widget, minWidth: LEAST.width, minHeight: LEAST.height + 200 };
}

/**
 * Show the messages of runs while the node exists.
 *
 * @param {ComfyNode} node
 * @param {Editor} editor
 * @param {string} name of the widget
 */
function follow(node, editor, name) {
    /** @type {any} */
    let last;
    const take = () => {
        const message = app.nodeOutputs?.[locator(node)]?.[OUTPUT]?.[0];
        if (message && message !== last) show(message);
    };
    const show = (/** @type {any} */ message) => {
        last = message;
        editor.show(understood(message, address));
    };
    /** @type {number[]} */
    let waiting = [];
    let leave = () => {};
    chain(node, "onAdded", () => {
        editor.connect();
        leave = keepPlace(app, node, editor.element, name);
        waiting = LATER.map((time) => window.setTimeout(take, time));
    });
    chain(node, "onRemoved", () => {
        editor.disconnect();
        leave();
        waiting.forEach((timer) => window.clearTimeout(timer));
    });
    chain(node, "onExecuted", (output) => {
        if (output?.[OUTPUT]?.[0]) show(output[OUTPUT][0]);
    });
    if (node.graph) editor.connect();
}

/** @param {ComfyNode} node @returns {string} the name of a node's output, also in a subgraph */
function locator(node) {
    const graph = /** @type {any} */ (node.graph);
    return graph && !graph.isRootGraph ? `${graph.id}:${node.id}` : String(node.id);
}

/** @param {{ filename: string, subfolder: string, type: string }} file */
function address({ filename, subfolder, type }) {
    const query = new URLSearchParams({ filename, subfolder, type });
    return api.apiURL(`/view?${query}`);
}

/**
 * Pass the events that move and zoom the graph to the classic canvas under the element.
 *
 * @param {HTMLElement} shown
 */
function forward(shown) {
    const classic = () => shown.closest(".dom-widget") !== null;
    shown.addEventListener("wheel", (event) => {
        if (classic()) app.canvas.processMouseWheel(event);
    });
    shown.addEventListener("pointerdown", (event) => {
        if (event.button === 1 && classic()) app.canvas.processMouseDown(event);
        else if (event.button === 0) event.stopPropagation(); // else Nodes 2.0 drags the node
    });
    shown.addEventListener("pointermove", (event) => {
        if (event.buttons & 4 && classic()) app.canvas.processMouseMove(event);
    });
    shown.addEventListener("pointerup", (event) => {
        if (event.button === 1 && classic()) app.canvas.processMouseUp(event);
    });
}

app.registerExtension({
    name: "SelfGuidance.Layout",
    getCustomWidgets: () => /** @type {any} */ ({ [TYPE]: canvasWidget }),
    async setup() {
        const href = new URL("./layout.css", import.meta.url).href;
        document.head.append(element("link", { rel: "stylesheet", href }));
        const locale = app.extensionManager?.setting.get("Comfy.Locale");
        await useLocale(String(locale ?? "en"), api);
    },
});
