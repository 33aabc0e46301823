/**
 * Keep the element of a widget where Nodes 2.0 shows its node.
 *
 * Nodes 2.0 takes an element into the page once, when it first draws a node of some number. Undo,
 * like a workflow that is loaded again, makes a new node of the same number; the element of the
 * one before would stay, seen but joined to nothing.
 */

const LATER = [0, 100, 500, 1500, 4000]; // ms; the page draws some time after the node is there

/**
 * Put an element in place of the one that the last node of this number left.
 *
 * @param {{ canvas?: { graph?: unknown } }} app
 * @param {{ id: string | number, graph?: unknown }} node
 * @param {HTMLElement} element of the node's widget
 * @param {string} name of the widget
 * @returns {() => void} stop it
 */
export function keepPlace(app, node, element, name) {
    element.dataset.selfGuidance = name;
    const put = () => {
        if (!node.graph || node.graph !== app.canvas?.graph) return; // in a closed subgraph
        const place = `[data-node-id="${CSS.escape(String(node.id))}"] `;
        const shown = document.querySelector(`${place}[data-self-guidance="${CSS.escape(name)}"]`);
        if (shown !== element) shown?.replaceWith(element);
    };
    const timers = LATER.map((time) => setTimeout(put, time));
    return () => timers.forEach(clearTimeout);
}
