/**
 * The attention browser of Self-Guidance Attention Preview: fetches the node's output.
 *
 * @typedef {import("../nodes.js").Node} Node
 * @typedef {{ filename: string, subfolder: string, type: string }} File in ComfyUI's folders
 */

import { app } from "../../../../scripts/app.js";
import { api } from "../../../../scripts/api.js";
import { attach, chain } from "../attach.js";
import { useStyle } from "../dom.js";
import { nodeAt } from "../nodes.js";
import { text, useLocale } from "../text.js";
import { readAtlas } from "./atlas.js";
import { AttentionView, LEAST } from "./view.js";

const NODE = "SelfGuidanceAttentionPreview";

/** @type {WeakMap<Node, (output: any) => void>} shows an output in its node */
const shows = new WeakMap();

app.registerExtension({
    name: "selfGuidance.attention",

    async setup() {
        useStyle(new URL("../view.css", import.meta.url).href);
        await useLocale(String(app.ui.settings.getSettingValue("Comfy.Locale") ?? "en"), api);
    },

    nodeCreated(node) {
        if (node.comfyClass !== NODE) return;
        const view = attach(app, node, "attention", LEAST, (owner) => {
            return new AttentionView(owner, inputsOf(node));
        });
        let last = 0;
        const show = (/** @type {any} */ output) => {
            last += 1;
            const turn = last;
            load(output).then(
                (found) => found && turn === last && view.show(found.atlas, found.pictures),
                (error) => turn === last && view.fail(problem(error)),
            );
        };
        shows.set(node, show);
        chain(node, "onExecuted", show);
    },

    // when another tab of workflows is selected, the page has the outputs of its nodes
    ...{
        /** @param {Record<string, any>} outputs by execution id */
        onNodeOutputsUpdated(outputs) {
            for (const [id, output] of Object.entries(outputs ?? {})) {
                const node = nodeAt(app.rootGraph ?? app.graph, id);
                if (node) shows.get(node)?.(output);
            }
        },
    },
});

/**
 * @param {any} output of the node
 * @returns {Promise<{ atlas: import("./atlas.js").Atlas, pictures: HTMLImageElement[] } | null>}
 */
async function load(output) {
    const file = output?.self_guidance_maps?.[0];
    if (!file) return null;
    const reply = await api.fetchApi(address(file));
    if (!reply.ok) throw new Error(text("attention.gone", "the maps are gone; run again"));
    const atlas = readAtlas(await reply.arrayBuffer());
    const entries = output.self_guidance_pictures ?? [];
    return { atlas, pictures: await Promise.all(entries.map(picture)) };
}

/**
 * @param {File} file
 * @returns {Promise<HTMLImageElement>}
 */
async function picture(file) {
    const image = new Image();
    image.src = api.apiURL(address(file));
    await image.decode();
    return image;
}

/** @param {File} file */
function address({ filename, subfolder, type }) {
    return `/view?${new URLSearchParams({ filename, subfolder, type })}`;
}

/** @param {unknown} error */
function problem(error) {
    const reason = error instanceof Error ? error.message : String(error);
    return text("attention.broken", "maps cannot be shown: {reason}", { reason });
}

/**
 * @param {Node} node
 * @returns {import("./view.js").Inputs}
 */
function inputsOf(node) {
    return {
        set(name, value) {
            const widget = node.widgets?.find((known) => known.name === name);
            if (!widget) return;
            widget.value = value;
            widget.callback?.(value);
            app.graph.setDirtyCanvas(true, true);
        },
        free: () => !node.inputs?.some(({ name, link }) => name === "object" && link !== null),
    };
}
