/**
 * Draw maps over a picture, each in its colour.
 *
 * @typedef {import("../colours.js").Colour} Colour
 * @typedef {import("../maps.js").Grid} Grid
 * @typedef {{ context: CanvasRenderingContext2D, width: number, height: number }} Area
 */

import { drawable } from "../dom.js";
import { fitted } from "../layout/geometry.js";
import { sharpened, stretched, tinted } from "../maps.js";

const SHADE = "rgb(0 0 0 / 0.35)"; // makes colours visible on the picture

/**
 * @param {Area} area
 * @param {HTMLImageElement | null} picture
 * @param {number} aspect of the maps, where there is no picture
 * @param {readonly { map: Grid, colour: Colour }[]} maps
 * @param {boolean} shape whether to draw the object's shape, as the nodes compute it
 */
export function paintMaps({ context, width, height }, picture, aspect, maps, shape) {
    const own = picture ? picture.naturalWidth / picture.naturalHeight : aspect;
    const { left, top, width: wide, height: high } = fitted(width, height, own);
    context.imageSmoothingQuality = "high";
    if (picture) context.drawImage(picture, left, top, wide, high);
    if (maps.length || !picture) {
        context.fillStyle = SHADE;
        context.fillRect(left, top, wide, high);
    }
    context.save();
    context.beginPath();
    context.rect(left, top, wide, high);
    context.clip();
    for (const { map, colour } of maps) {
        const values = shape ? sharpened(stretched(map.values)) : map.values;
        context.drawImage(drawable(tinted({ ...map, values }, colour)), left, top, wide, high);
    }
    context.restore();
}
