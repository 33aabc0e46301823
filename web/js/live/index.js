/**
 * The live view of Self-Guidance KSampler: shows the sampler's messages in its node.
 *
 * @typedef {import("../nodes.js").Node} Node
 */

import { app } from "../../../../scripts/app.js";
import { api } from "../../../../scripts/api.js";
import { attach } from "../attach.js";
import { useStyle } from "../dom.js";
import { nodeAt } from "../nodes.js";
import { useLocale } from "../text.js";
import { parsed } from "./message.js";
import { LEAST, LiveView } from "./view.js";

const NODE = "SelfGuidanceKSampler";

/** @type {WeakMap<Node, LiveView>} a removed node takes its view with it */
const views = new WeakMap();

app.registerExtension({
    name: "selfGuidance.live",

    async setup() {
        useStyle(new URL("../view.css", import.meta.url).href);
        await useLocale(String(app.ui.settings.getSettingValue("Comfy.Locale") ?? "en"), api);
        api.addEventListener(/** @type {any} */ ("self_guidance.live"), hear);
        api.addEventListener("execution_interrupted", ({ detail }) =>
            viewOf(detail.node_id)?.stop(),
        );
        api.addEventListener("execution_error", ({ detail }) => viewOf(detail.node_id)?.stop());
    },

    nodeCreated(node) {
        if (node.comfyClass !== NODE) return;
        views.set(
            node,
            attach(app, node, "live view", LEAST, (owner) => new LiveView(owner)),
        );
    },
});

/** @param {any} event */
function hear({ detail }) {
    try {
        const message = parsed(detail);
        viewOf(message.node)?.show(message);
    } catch (error) {
        console.warn("Self-Guidance: a message of the sampler cannot be shown", error);
    }
}

/** @param {unknown} executionId */
function viewOf(executionId) {
    const node = nodeAt(app.rootGraph ?? app.graph, String(executionId));
    return node ? views.get(node) : undefined;
}
