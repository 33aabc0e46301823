/**
 * Attention maps as pixels. Pure functions: no page, no state.
 *
 * A map is a grid of values from 0 to 1, row by row.
 *
 * @typedef {import("./colours.js").Colour} Colour
 * @typedef {{ width: number, height: number, values: Float32Array }} Grid
 * @typedef {{ width: number, height: number, data: Uint8ClampedArray<ArrayBuffer> }} Pixels RGBA
 */

/** Opacity of a map's highest value over the picture. */
const STRONGEST = 0.8;

/**
 * @param {string} text base64
 * @param {number} length of what it must hold
 * @returns {Uint8Array} its bytes
 * @throws {Error} it contains other values
 */
export function bytesOf(text, length) {
    const raw = atob(text);
    if (raw.length !== length) throw new Error(`${length} bytes expected, got ${raw.length}`);
    return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

/**
 * The range of a map stretched to 0 to 1; a flat map becomes 0.
 *
 * @param {Float32Array} values
 * @returns {Float32Array}
 */
export function stretched(values) {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
    }
    const span = high - low;
    return values.map((value) => (span > 0 ? (value - low) / span : 0));
}

/**
 * The shape of an object as our nodes compute it, by the sharpening of the paper.
 *
 * @param {Float32Array} values stretched to 0 to 1
 * @param {number} [steepness]
 * @returns {Float32Array}
 */
export function sharpened(values, steepness = 10) {
    const low = 1 / (1 + Math.exp(steepness / 2));
    return values.map(
        (value) => (1 / (1 + Math.exp(-steepness * (value - 0.5))) - low) / (1 - 2 * low),
    );
}

/**
 * Mean of maps of one size.
 *
 * @param {readonly Float32Array[]} maps at least one
 * @returns {Float32Array}
 */
export function mean(maps) {
    const first = /** @type {Float32Array} */ (maps[0]);
    return first.map((_, i) => maps.reduce((sum, map) => sum + (map[i] ?? 0), 0) / maps.length);
}

/**
 * A map as pixels of one colour, transparent where it is low.
 *
 * @param {Grid} grid
 * @param {Colour} colour
 * @returns {Pixels}
 */
export function tinted(grid, [red, green, blue]) {
    const data = new Uint8ClampedArray(grid.values.length * 4);
    grid.values.forEach((value, i) => {
        data.set([red, green, blue, 255 * STRONGEST * value * value], 4 * i);
    });
    return { width: grid.width, height: grid.height, data };
}
