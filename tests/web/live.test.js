/** What the sampler tells about a step, and where the energy curve goes. */

import assert from "node:assert/strict";
import test from "node:test";
import { axes, place, series } from "../../web/js/live/curve.js";
import { parsed } from "../../web/js/live/message.js";
import { mean, sharpened, stretched, tinted } from "../../web/js/maps.js";
import { nodeAt } from "../../web/js/nodes.js";

const map = Buffer.from([0, 51, 255, 102, 0, 0]).toString("base64");
const circle = { name: "<b>", size: [3, 2], map, centroid: [0.5, 0.25], target: null };
const message = {
    node: "1:2",
    prompt: "p",
    step: 2,
    steps: 4,
    sigma: 1.5,
    guided: true,
    objects: [circle],
    curve: [
        { step: 1, sigma: 3, energies: { a: 1, b: 3 } },
        { step: 2, sigma: 1.5, energies: {} },
    ],
    picture: "data:image/jpeg;base64,QUJD",
};

test("a message is read as it was sent, rows of maps one after the other", () => {
    const { objects, curve, ...rest } = parsed(message);
    assert.equal(rest.node, "1:2");
    assert.equal(rest.picture, message.picture);
    const [seen] = objects;
    assert.deepEqual([seen?.map.width, seen?.map.height], [3, 2]);
    assert.deepEqual([...(seen?.map.values ?? [])], [...Float32Array.of(0, 0.2, 1, 0.4, 0, 0)]);
    assert.deepEqual([seen?.centroid, seen?.target], [{ x: 0.5, y: 0.25 }, null]);
    assert.deepEqual(curve[0]?.energies, { a: 1, b: 3 });
});

test("a broken message is an error, not a broken view", () => {
    const spoil = [
        null,
        7,
        { ...message, objects: {} },
        { ...message, step: "2" },
        { ...message, sigma: Infinity },
        { ...message, objects: [{ ...circle, size: [3, 3] }] },
        { ...message, objects: [{ ...circle, size: [1e6, 1e6] }] },
        { ...message, objects: [{ ...circle, size: [-1, 2] }] },
        { ...message, objects: [{ ...circle, target: ["x"] }] },
    ];
    for (const broken of spoil) assert.throws(() => parsed(broken));
});

test("nothing but a picture of ours becomes an address", () => {
    for (const picture of ["https://example.org/a.jpg", "javascript:alert(1)", 7]) {
        assert.equal(parsed({ ...message, picture }).picture, "");
    }
});

test("energies are summed over the objects, step by step, where a term acted", () => {
    assert.deepEqual(series(message.curve, null), [{ step: 1, value: 4 }]);
    assert.deepEqual(series(message.curve, "b"), [{ step: 1, value: 3 }]);
    assert.deepEqual(series(message.curve, "c"), []);
});

test("the curve goes from first to last step and from highest to lowest energy", () => {
    const curve = [1, 0.1, 0.01].map((a, i) => ({ step: i + 1, sigma: 1, energies: { a } }));
    const frame = axes(curve, 5, 200, 50);
    assert.deepEqual(place({ step: 1, value: 1 }, frame), { x: 0, y: 0 });
    const middle = place({ step: 3, value: 0.1 }, frame);
    assert.ok(Math.abs(middle.x - 100) < 1e-9 && Math.abs(middle.y - 25) < 1e-9);
    assert.deepEqual(place({ step: 5, value: 0.01 }, frame), { x: 200, y: 50 });
});

test("energies of zero, equal ones and runs of one step stay inside of the plot", () => {
    for (const values of [[0], [0, 0], [2, 2], [1, 0]]) {
        const curve = values.map((a, i) => ({ step: i + 1, sigma: 1, energies: { a } }));
        const frame = axes(curve, values.length, 100, 40);
        for (const entry of series(curve, "a")) {
            const { x, y } = place(entry, frame);
            assert.ok(x >= 0 && x <= 100 && y >= 0 && y <= 40, `${x} ${y}`);
        }
    }
});

test("maps are stretched, averaged and sharpened as the nodes do", () => {
    assert.deepEqual([...stretched(Float32Array.of(2, 4, 3))], [0, 1, 0.5]);
    assert.deepEqual([...stretched(Float32Array.of(5, 5))], [0, 0]);
    assert.deepEqual([...mean([Float32Array.of(0, 1), Float32Array.of(1, 1)])], [0.5, 1]);
    const shape = sharpened(Float32Array.of(0, 0.5, 1));
    [0, 0.5, 1].forEach((value, i) => assert.ok(Math.abs((shape[i] ?? 9) - value) < 1e-6));
    assert.ok((sharpened(Float32Array.of(0.7))[0] ?? 0) > 0.85);
});

test("a map is clear where it is low, and of its colour where it is high", () => {
    const grid = { width: 2, height: 1, values: Float32Array.of(0, 1) };
    assert.deepEqual([...tinted(grid, [1, 2, 3]).data], [1, 2, 3, 0, 1, 2, 3, 204]);
});

test("a node in a subgraph is found by its execution id alone", () => {
    /** @param {Record<string, any>} nodes */
    const graph = (nodes) => ({ getNodeById: (/** @type {any} */ id) => nodes[id] });
    const inner = { id: 4 };
    const root = graph({ 1: { subgraph: graph({ 2: { subgraph: graph({ 4: inner }) } }) }, 4: {} });
    assert.equal(nodeAt(root, "1:2:4"), inner);
    assert.notEqual(nodeAt(root, "4"), inner);
    for (const id of ["1:4", "9", "4:1", "", "1:2:4:5"]) assert.equal(nodeAt(root, id), null);
    assert.equal(nodeAt(undefined, "4"), null);
});
