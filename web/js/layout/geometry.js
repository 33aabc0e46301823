/**
 * Where things are on the layout canvas. Pure functions: no page, no state.
 *
 * The canvas is measured in its own CSS pixels, as if the graph were not zoomed. The picture is
 * measured in fractions: x to the right and y down, both from 0 to 1; sides as fractions of the
 * picture's sides. Angles are in degrees, clockwise.
 *
 * @typedef {{ x: number, y: number }} Point
 * @typedef {{ x: number, y: number, width: number, height: number }} Box a centre and two sides
 * @typedef {{ left: number, top: number, width: number, height: number }} Frame
 */

/**
 * The largest centred frame with the aspect of the picture in a canvas.
 *
 * @param {number} width of the canvas
 * @param {number} height of the canvas
 * @param {number} aspect width over height of the picture
 * @returns {Frame}
 */
export function fitted(width, height, aspect) {
    const wide = Math.max(0, Math.min(width, height * aspect)); // a canvas may have no room
    const high = wide / aspect;
    return { left: (width - wide) / 2, top: (height - high) / 2, width: wide, height: high };
}

/**
 * Convert a point of the screen to one of the canvas, at any zoom of the graph.
 *
 * @param {Point} client pointer position of an event
 * @param {Frame} shown where the canvas is on the screen, from getBoundingClientRect
 * @param {number} width of the canvas
 * @param {number} height of the canvas
 * @returns {Point}
 */
export function onCanvas(client, shown, width, height) {
    return {
        x: ((client.x - shown.left) * width) / (shown.width || 1),
        y: ((client.y - shown.top) * height) / (shown.height || 1),
    };
}

/**
 * @param {Point} point on the canvas
 * @param {Frame} frame of the picture
 * @returns {Point} fractions of the picture
 */
export function toPicture(point, frame) {
    return { x: (point.x - frame.left) / frame.width, y: (point.y - frame.top) / frame.height };
}

/**
 * @param {Point} point fractions of the picture
 * @param {Frame} frame of the picture
 * @returns {Point} on the canvas
 */
export function toCanvas(point, frame) {
    return { x: frame.left + point.x * frame.width, y: frame.top + point.y * frame.height };
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamped(value, low, high) {
    return Math.min(Math.max(value, low), high);
}

/**
 * @param {number} value
 * @param {number} step above 0
 * @returns {number} the nearest multiple of the step, without the noise of floating point
 */
export function snapped(value, step) {
    return Number((Math.round(value / step) * step).toFixed(6));
}

/**
 * @param {number} degrees
 * @returns {number} the same direction, above -180 and at most 180
 */
export function turned(degrees) {
    const rest = ((degrees % 360) + 360) % 360;
    return rest > 180 ? rest - 360 : rest;
}

/**
 * Rotate a point about another one, in pixels.
 *
 * @param {Point} point
 * @param {Point} about
 * @param {number} degrees
 * @returns {Point}
 */
export function rotated(point, about, degrees) {
    const angle = (degrees * Math.PI) / 180;
    const [x, y] = [point.x - about.x, point.y - about.y];
    return {
        x: about.x + x * Math.cos(angle) - y * Math.sin(angle),
        y: about.y + x * Math.sin(angle) + y * Math.cos(angle),
    };
}

/**
 * The factor by which a drag of a handle scales an object: that of the pointer's distance from
 * its middle.
 *
 * @param {Point} middle
 * @param {Point} from where the drag began
 * @param {Point} to where the pointer is
 * @returns {number} factor of the sides
 */
export function growth(middle, from, to) {
    const was = Math.hypot(from.x - middle.x, from.y - middle.y);
    return was > 0 ? Math.hypot(to.x - middle.x, to.y - middle.y) / was : 1;
}

/**
 * @param {Point} middle
 * @param {Point} from where the drag began
 * @param {Point} to where the pointer is
 * @returns {number} degrees that the pointer went round the middle
 */
export function swing(middle, from, to) {
    const was = Math.atan2(from.y - middle.y, from.x - middle.x);
    const is = Math.atan2(to.y - middle.y, to.x - middle.x);
    return turned(((is - was) * 180) / Math.PI);
}
