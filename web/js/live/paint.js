/**
 * Draw a step: the picture, the objects' maps over it, their positions and targets.
 *
 * @typedef {import("./message.js").Seen} Seen
 * @typedef {import("./message.js").Point} Point
 * @typedef {import("./message.js").Energy} Energy
 * @typedef {import("../colours.js").Colour} Colour
 * @typedef {{ left: number, top: number, width: number, height: number }} Frame
 * @typedef {Seen & { colour: Colour, trail: Point[] }} Shown
 * @typedef {{ context: CanvasRenderingContext2D, width: number, height: number }} Area
 */

import { css } from "../colours.js";
import { drawable } from "../dom.js";
import { clamped, fitted, toCanvas } from "../layout/geometry.js";
import { tinted } from "../maps.js";
import { axes, place, series } from "./curve.js";

const INK = "#868686"; // visible in dark and light themes, which a canvas does not follow

/**
 * @param {Area} area
 * @param {CanvasImageSource & { width: number, height: number } | null} picture
 * @param {readonly Shown[]} objects
 */
export function paintStage({ context, width, height }, picture, objects) {
    const first = objects[0]?.map;
    const source = picture ?? first;
    if (!source) return;
    const frame = fitted(width, height, source.width / source.height);
    context.imageSmoothingQuality = "high";
    context.fillStyle = "rgb(0 0 0 / 0.35)";
    context.fillRect(frame.left, frame.top, frame.width, frame.height);
    if (picture) context.drawImage(picture, frame.left, frame.top, frame.width, frame.height);
    context.save();
    context.beginPath();
    context.rect(frame.left, frame.top, frame.width, frame.height);
    context.clip();
    for (const { map, colour } of objects) {
        const tint = drawable(tinted(map, colour));
        context.drawImage(tint, frame.left, frame.top, frame.width, frame.height);
    }
    context.restore();
    for (const object of objects) paintPlaces(context, frame, object);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Shown} object
 */
function paintPlaces(context, frame, { centroid, target, trail, colour }) {
    const here = toCanvas(centroid, frame);
    const path = trail.map((point) => toCanvas(point, frame));
    outlined(context, colour, 1.5, () => {
        context.beginPath();
        path.forEach(({ x, y }) => context.lineTo(x, y));
    });
    if (target) paintTarget(context, frame, target, here, colour);
    context.beginPath();
    context.arc(here.x, here.y, 4, 0, 2 * Math.PI);
    context.fillStyle = css(colour);
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = "white";
    context.stroke();
}

/**
 * A ring at the target of an object, or at the edge if that is outside, and a line to it.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Point} target
 * @param {Point} here
 * @param {Colour} colour
 */
function paintTarget(context, frame, target, here, colour) {
    const wanted = toCanvas({ x: clamped(target.x, 0, 1), y: clamped(target.y, 0, 1) }, frame);
    context.setLineDash([3, 3]);
    outlined(context, colour, 1.5, () => {
        context.beginPath();
        context.moveTo(here.x, here.y);
        context.lineTo(wanted.x, wanted.y);
    });
    context.setLineDash([]);
    outlined(context, colour, 2, () => {
        context.beginPath();
        context.arc(wanted.x, wanted.y, 7, 0, 2 * Math.PI);
        for (const [x, y] of /** @type {[number, number][]} */ ([
            [1, 0],
            [0, 1],
            [-1, 0],
            [0, -1],
        ])) {
            context.moveTo(wanted.x + 4 * x, wanted.y + 4 * y);
            context.lineTo(wanted.x + 10 * x, wanted.y + 10 * y);
        }
    });
}

/**
 * A line with a dark outline, visible on any picture.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Colour} colour
 * @param {number} width
 * @param {() => void} path
 */
function outlined(context, colour, width, path) {
    for (const [style, thick] of /** @type {[string, number][]} */ ([
        ["rgb(0 0 0 / 0.6)", width + 2],
        [css(colour), width],
    ])) {
        path();
        context.strokeStyle = style;
        context.lineWidth = thick;
        context.stroke();
    }
}

/**
 * The weighted energy of each object so far, and that of all together.
 *
 * @param {Area} area
 * @param {readonly Energy[]} curve
 * @param {number} steps of the run
 * @param {readonly Shown[]} objects
 */
export function paintCurve({ context, width, height }, curve, steps, objects) {
    const margin = 4;
    const frame = axes(curve, steps, width - 2 * margin, height - 2 * margin);
    context.translate(margin, margin);
    context.lineJoin = "round";
    context.globalAlpha = 0.25;
    context.strokeStyle = INK;
    context.beginPath();
    context.moveTo(0, frame.height + 0.5);
    context.lineTo(frame.width, frame.height + 0.5);
    context.stroke();
    context.globalAlpha = 1;
    for (const { name, colour } of objects) {
        line(context, series(curve, name), frame, css(colour), 1.5);
    }
    line(context, series(curve, null), frame, INK, 2.5);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ step: number, value: number }[]} entries
 * @param {import("./curve.js").Axes} frame
 * @param {string} style
 * @param {number} width
 */
function line(context, entries, frame, style, width) {
    context.beginPath();
    for (const entry of entries) {
        const { x, y } = place(entry, frame);
        context.lineTo(x, y);
    }
    context.strokeStyle = context.fillStyle = style;
    context.lineWidth = width;
    context.stroke();
    const last = entries.at(-1);
    if (!last) return;
    const { x, y } = place(last, frame);
    context.beginPath();
    context.arc(x, y, width, 0, 2 * Math.PI);
    context.fill();
}
