/** Where things are on the layout canvas. */

import assert from "node:assert/strict";
import test from "node:test";
import {
    fitted,
    growth,
    onCanvas,
    rotated,
    snapped,
    swing,
    toCanvas,
    toPicture,
    turned,
} from "../../web/js/layout/geometry.js";

/** @param {number} a @param {number} b */
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test("a picture fills a canvas of its aspect", () => {
    assert.deepEqual(fitted(300, 200, 1.5), { left: 0, top: 0, width: 300, height: 200 });
});

test("a picture keeps its aspect, in the middle of a canvas that is too wide or too high", () => {
    assert.deepEqual(fitted(400, 100, 1), { left: 150, top: 0, width: 100, height: 100 });
    assert.deepEqual(fitted(100, 400, 2), { left: 0, top: 175, width: 100, height: 50 });
});

test("the pointer is at the same place of the canvas at every zoom of the graph", () => {
    for (const zoom of [0.25, 1, 3]) {
        const shown = { left: 50, top: 20, width: 200 * zoom, height: 100 * zoom };
        const client = { x: 50 + 30 * zoom, y: 20 + 70 * zoom };
        const place = onCanvas(client, shown, 200, 100);
        near(place.x, 30);
        near(place.y, 70);
    }
});

test("a canvas that is not shown gives finite places", () => {
    const place = onCanvas({ x: 5, y: 5 }, { left: 0, top: 0, width: 0, height: 0 }, 200, 100);
    assert.ok(Number.isFinite(place.x) && Number.isFinite(place.y));
});

test("fractions of the picture and places on the canvas are inverses", () => {
    const frame = { left: 12, top: 7, width: 130, height: 65 };
    const back = toPicture(toCanvas({ x: 0.3, y: 0.9 }, frame), frame);
    near(back.x, 0.3);
    near(back.y, 0.9);
    assert.deepEqual(toCanvas({ x: 0, y: 1 }, frame), { x: 12, y: 72 });
});

test("snapping leaves no noise of floating point", () => {
    assert.equal(snapped(0.31, 0.1), 0.3);
    assert.equal(snapped(-0.07, 0.05), -0.05);
});

test("directions lie above -180 and at most at 180 degrees", () => {
    assert.equal(turned(190), -170);
    assert.equal(turned(-180), 180);
    assert.equal(turned(720 + 15), 15);
});

test("positive angles turn clockwise as seen, since y points down", () => {
    const right = rotated({ x: 1, y: 0 }, { x: 0, y: 0 }, 90);
    near(right.x, 0);
    near(right.y, 1);
});

test("a handle dragged to twice the distance doubles the sides", () => {
    near(growth({ x: 1, y: 1 }, { x: 4, y: 5 }, { x: 1, y: 11 }), 2);
    assert.equal(growth({ x: 1, y: 1 }, { x: 1, y: 1 }, { x: 9, y: 9 }), 1);
});

test("a handle led a quarter clockwise about the middle turns by 90 degrees", () => {
    near(swing({ x: 0, y: 0 }, { x: 0, y: -5 }, { x: 3, y: 0 }), 90);
    near(swing({ x: 0, y: 0 }, { x: -5, y: 0.001 }, { x: -5, y: -0.001 }), turned(0.0229183118));
});
