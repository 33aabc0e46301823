/**
 * The sampler's message about a step, checked. Pure functions: no page, no state.
 *
 * @typedef {import("../maps.js").Grid} Grid
 * @typedef {{ x: number, y: number }} Point fractions of the picture, right and down
 * @typedef {{ name: string, map: Grid, centroid: Point, target: Point | null }} Seen
 * @typedef {{ step: number, sigma: number, energies: Record<string, number> }} Energy
 * @typedef {{
 *   node: string, prompt: string, step: number, steps: number, sigma: number, guided: boolean,
 *   objects: Seen[], curve: Energy[], picture: string,
 * }} Message
 */

import { bytesOf } from "../maps.js";

const SIDE = 256; // most cells of a map's side, far above what is sent
const PICTURE = /^data:image\/jpeg;base64,[A-Za-z0-9+/=]*$/;

/**
 * @param {unknown} detail of the event
 * @returns {Message}
 * @throws {Error} it is no message of our sampler
 */
export function parsed(detail) {
    const data = /** @type {Record<string, unknown>} */ (detail ?? {});
    const picture = typeof data.picture === "string" ? data.picture : "";
    return {
        node: String(data.node),
        prompt: String(data.prompt),
        step: number(data.step),
        steps: number(data.steps),
        sigma: number(data.sigma),
        guided: data.guided === true,
        objects: list(data.objects).map(seen),
        curve: list(data.curve).map(energy),
        picture: PICTURE.test(picture) ? picture : "",
    };
}

/**
 * @param {Record<string, unknown>} data
 * @returns {Seen}
 */
function seen(data) {
    const [width = 0, height = 0] = list(data.size).map(number);
    if (!(width > 0 && width <= SIDE && height > 0 && height <= SIDE))
        throw new Error("size of map");
    const bytes = bytesOf(String(data.map), width * height);
    return {
        name: String(data.name),
        map: { width, height, values: Float32Array.from(bytes, (byte) => byte / 255) },
        centroid: point(data.centroid),
        target: data.target === null ? null : point(data.target),
    };
}

/**
 * @param {Record<string, unknown>} data
 * @returns {Energy}
 */
function energy(data) {
    const entries = Object.entries(data.energies ?? {}).map(([name, value]) => [
        name,
        number(value),
    ]);
    return {
        step: number(data.step),
        sigma: number(data.sigma),
        energies: Object.fromEntries(entries),
    };
}

/**
 * @param {unknown} value
 * @returns {Point}
 */
function point(value) {
    const [x, y] = list(value);
    return { x: number(x), y: number(y) };
}

/**
 * @param {unknown} value
 * @returns {number}
 */
function number(value) {
    if (typeof value !== "number" || !Number.isFinite(value))
        throw new Error(`no number: ${value}`);
    return value;
}

/**
 * @param {unknown} value
 * @returns {any[]}
 */
function list(value) {
    if (!Array.isArray(value)) throw new Error("no list");
    return value;
}
