/**
 * Put the element of a widget into its node in Nodes 2.0.
 *
 * Nodes 2.0 adds an element to the page only when it first draws a node with a certain id. Undo and
 * reloading a workflow make a new node with the same id; the element of the old node would stay
 * visible, without any connection to the new one.
 */

const LATER = [0, 100, 500, 1500, 4000]; // ms; the page draws a node some time after it was added

/**
 * Replace the element of the last node with this id by a new one.
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
