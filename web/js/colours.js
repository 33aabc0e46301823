/**
 * One colour for each object, the same in all views of our nodes.
 *
 * From the palette of Okabe and Ito, which is safe for colour-blind users, on dark and on light.
 *
 * @typedef {readonly [number, number, number]} Colour red, green and blue from 0 to 255
 */

/** @type {readonly Colour[]} */
export const COLOURS = [
    [230, 120, 20],
    [70, 160, 240],
    [20, 175, 130],
    [215, 110, 180],
    [205, 185, 30],
    [150, 120, 235],
    [220, 70, 70],
    [110, 180, 190],
];

/**
 * @param {number} index of the object among those of the prompt
 * @returns {Colour}
 */
export function colourOf(index) {
    return /** @type {Colour} */ (COLOURS[index % COLOURS.length]);
}

/**
 * @param {Colour} colour
 * @param {number} [opacity] from 0 to 1
 * @returns {string} as CSS takes it
 */
export function css([red, green, blue], opacity = 1) {
    return `rgb(${red} ${green} ${blue} / ${opacity})`;
}
