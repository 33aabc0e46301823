/**
 * Translate our nodes where the page fails to.
 *
 * ComfyUI serves our locales under /i18n. Frontends around 1.32 merge them before their own
 * language arrives, which then replaces them, so that nodes of all packs stay English. Texts that
 * the page did translate are not changed.
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

/**
 * @typedef {{ name: string, tooltip?: string }} Slot
 * @typedef {{ display_name: string, description: string, inputs: Record<string, Slot>,
 *   outputs: Record<string, Slot> }} Words the texts of a node in a locale
 * @typedef {Record<string, Record<string, [unknown, { tooltip?: string }?]>>} Inputs
 * @typedef {{ name: string, display_name: string, description: string, input: Inputs,
 *   output_tooltips?: (string | undefined)[] }} Definition
 */

/** Texts of our nodes in the page's language and in English; nothing in an English page. */
async function load() {
    const locale = app.extensionManager?.setting.get("Comfy.Locale") ?? "en";
    if (locale === "en") return { words: {}, english: {} };
    try {
        const all = await (await api.fetchApi("/i18n")).json();
        return { words: all?.[locale]?.nodeDefs ?? {}, english: all?.en?.nodeDefs ?? {} };
    } catch {
        return { words: {}, english: {} };
    }
}

/** @type {Record<string, Words>} what the page lost, by node id */
const lost = {};

/**
 * Set the texts of a definition that the page did not translate.
 *
 * @param {Definition} definition
 * @param {Words | undefined} ours
 * @param {Words | undefined} original
 */
function translate(definition, ours, original) {
    if (!ours || definition.display_name !== original?.display_name) return;
    lost[definition.name] = ours;
    definition.display_name = ours.display_name;
    definition.description = ours.description;
    for (const group of Object.values(definition.input ?? {})) {
        for (const [name, spec] of Object.entries(group ?? {})) {
            const tooltip = ours.inputs[name]?.tooltip;
            if (spec?.[1] && tooltip) spec[1].tooltip = tooltip;
        }
    }
    definition.output_tooltips = definition.output_tooltips?.map(
        (tooltip, place) => ours.outputs[place]?.tooltip ?? tooltip,
    );
}

/**
 * Label the inputs, widgets and outputs of a new node.
 *
 * @param {any} node
 */
function label(node) {
    const found = lost[node.comfyClass];
    if (!found) return;
    for (const slot of node.inputs ?? []) {
        slot.localized_name = found.inputs[slot.name]?.name ?? slot.localized_name;
    }
    for (const widget of node.widgets ?? []) {
        widget.label = found.inputs[widget.name]?.name ?? widget.label;
    }
    for (const [place, slot] of (node.outputs ?? []).entries()) {
        slot.localized_name = found.outputs[place]?.name ?? slot.localized_name;
    }
}

app.registerExtension({
    name: "SelfGuidance.Language",
    // ComfyUI awaits this hook before it registers nodes; after later ones a workflow may be loaded
    async addCustomNodeDefs(/** @type {any} */ definitions) {
        const { words, english } = await load();
        for (const [id, definition] of Object.entries(definitions)) {
            translate(/** @type {Definition} */ (definition), words[id], english[id]);
        }
    },
    nodeCreated: label,
});
