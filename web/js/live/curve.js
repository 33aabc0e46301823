/**
 * Points and axes of the energy curve. Pure functions: no page, no state.
 *
 * @typedef {import("./message.js").Energy} Energy
 * @typedef {{ x: number, y: number }} Point
 * @typedef {{ width: number, height: number, steps: number, low: number, high: number }} Axes
 */

const DECADES = 4; // range of the axis below the highest energy; lower values are drawn at its end

/**
 * Energy of one object, or of all, at each step in which one of its terms acted.
 *
 * @param {readonly Energy[]} curve
 * @param {string | null} name of the object; null for the sum of all
 * @returns {{ step: number, value: number }[]}
 */
export function series(curve, name) {
    const found = [];
    for (const { step, energies } of curve) {
        const values = name === null ? Object.values(energies) : [energies[name]];
        const known = values.filter((value) => value !== undefined);
        if (known.length) found.push({ step, value: known.reduce((sum, value) => sum + value, 0) });
    }
    return found;
}

/**
 * Axes for a whole run: steps to the right, logarithm of the energy upwards.
 *
 * @param {readonly Energy[]} curve
 * @param {number} steps of the run
 * @param {number} width
 * @param {number} height
 * @returns {Axes}
 */
export function axes(curve, steps, width, height) {
    const totals = series(curve, null).map(({ value }) => value);
    const parts = curve.flatMap(({ energies }) => Object.values(energies));
    const positive = [...totals, ...parts].filter((value) => value > 0);
    const high = positive.length ? Math.max(...positive) : 1;
    const low = positive.length ? Math.min(...positive) : 1;
    const floor = Math.max(low, high * 10 ** -DECADES);
    return { width, height, steps, low: floor < high ? floor : high / 10, high };
}

/**
 * @param {{ step: number, value: number }} entry
 * @param {Axes} frame
 * @returns {Point} in pixels, down from the top
 */
export function place({ step, value }, { width, height, steps, low, high }) {
    const right = steps > 1 ? (step - 1) / (steps - 1) : 0;
    const up = Math.log(Math.max(value, low) / low) / Math.log(high / low);
    return { x: right * width, y: (1 - up) * height };
}
