/**
 * Puts the layout canvas into its node: a widget of ComfyUI's own kind, in the classic canvas and
 * in Nodes 2.0 alike. The layout is the widget's value; what a run showed is kept by the page.
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
const TOLD = "self_guidance_layout"; // what the node's output is called
const LEAST = { width: 340, height: 420 };
const LATER = [0, 100, 500, 1500]; // ms; the page puts outputs back some time after the node

/**
 * @param {ComfyNode} node
 * @param {string} name of the input
 */
function canvasWidget(node, name) {
    const editor = new Editor(() => {
        app.canvas?.emitBeforeChange();
        widget.callback?.(editor.value);
        node.graph?.setDirtyCanvas(true, false);
        app.canvas?.emitAfterChange(); // one step of the page's own undo
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
 * Show what runs tell while the node lives.
 *
 * @param {ComfyNode} node
 * @param {Editor} editor
 * @param {string} name of the widget
 */
function follow(node, editor, name) {
    /** @type {any} */
    let last;
    const take = () => {
        const told = app.nodeOutputs?.[locator(node)]?.[TOLD]?.[0];
        if (told && told !== last) show(told);
    };
    const show = (/** @type {any} */ told) => {
        last = told;
        editor.show(understood(told, address));
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
        if (output?.[TOLD]?.[0]) show(output[TOLD][0]);
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
 * The classic canvas lies under the element: give it what moves and zooms the graph.
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
