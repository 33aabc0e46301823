/**
 * The live view of Self-Guidance KSampler: hears the sampler's messages, shows them in its node.
 *
 * @typedef {import("./view.js").Choices} Choices
 * @typedef {import("../nodes.js").Node} Node
 */

import { app } from "../../../../scripts/app.js";
import { api } from "../../../../scripts/api.js";
import { useStyle } from "../dom.js";
import { nodeAt } from "../nodes.js";
import { useLocale } from "../text.js";
import { parsed } from "./message.js";
import { BAR, LEAST, LiveView } from "./view.js";

const NODE = "SelfGuidanceKSampler";
const KEPT = "self_guidance_live"; // in the node's properties, so it is no input of the run

/** @type {WeakMap<Node, LiveView>} a removed node takes its view with it */
const views = new WeakMap();

app.registerExtension({
  name: "selfGuidance.live",

  async setup() {
    useStyle(new URL("../view.css", import.meta.url).href);
    await useLocale(String(app.ui.settings.getSettingValue("Comfy.Locale") ?? "en"), api);
    api.addEventListener(/** @type {any} */ ("self_guidance.live"), hear);
    api.addEventListener("execution_interrupted", ({ detail }) => viewOf(detail.node_id)?.stop());
    api.addEventListener("execution_error", ({ detail }) => viewOf(detail.node_id)?.stop());
  },

  nodeCreated(node) {
    if (node.comfyClass === NODE) attach(node);
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

/** @param {Node} owner */
function attach(owner) {
  const view = new LiveView(
    () => choicesOf(owner.properties[KEPT]),
    (choices) => {
      owner.properties[KEPT] = /** @type {any} */ (choices);
      app.graph.setDirtyCanvas(true, true);
    },
    () => fit(owner),
  );
  const add = /** @type {any} */ (owner).addDOMWidget.bind(owner);
  const widget = add("live view", "self-guidance-live", view.root, {
    serialize: false,
    hideOnZoom: false,
    margin: 6,
    getValue: () => "",
    getMinHeight: () => (view.open ? LEAST : BAR),
    getMaxHeight: () => (view.open ? 4096 : BAR),
  });
  widget.serialize = false;
  views.set(owner, view);
  const before = owner.onRemoved;
  owner.onRemoved = function () {
    before?.call(owner);
    views.delete(owner);
    view.dispose();
  };
  const configured = owner.onConfigure;
  owner.onConfigure = function (info) {
    configured?.call(owner, info);
    view.refresh();
  };
}

/**
 * Give the node the height that its widgets need now, no more where the view was closed.
 *
 * @param {Node} node
 */
function fit(node) {
  node.setSize([node.size[0], node.computeSize()[1]]);
  app.graph.setDirtyCanvas(true, true);
}

/**
 * What a workflow says that the user chose; it may come from anybody.
 *
 * @param {any} kept
 * @returns {Choices}
 */
function choicesOf(kept) {
  const hidden = Array.isArray(kept?.hidden) ? kept.hidden : [];
  return {
    ...(typeof kept?.open === "boolean" ? { open: kept.open } : {}),
    hidden: hidden.filter((/** @type {unknown} */ name) => typeof name === "string").slice(0, 64),
  };
}
