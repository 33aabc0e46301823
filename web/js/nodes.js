/**
 * Find nodes of the graph. Pure functions: no page, no state.
 *
 * @typedef {import("@comfyorg/comfyui-frontend-types").ComfyApp} App
 * @typedef {Parameters<App["registerExtension"]>[0]} Extension
 * @typedef {Parameters<NonNullable<Extension["nodeCreated"]>>[0]} Node
 * @typedef {{ getNodeById(id: string | number): any }} Graph
 */

/**
 * The node of an execution id: "4", or "1:4" for node 4 in the subgraph of node 1.
 *
 * @param {Graph | undefined} root graph outside of all subgraphs
 * @param {string} executionId
 * @returns {any} null if it is not there
 */
export function nodeAt(root, executionId) {
    const path = executionId.split(":");
    let graph = root;
    while (path.length > 1) graph = graph?.getNodeById(String(path.shift()))?.subgraph;
    return graph?.getNodeById(String(path[0])) ?? null;
}
