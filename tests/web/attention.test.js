/** The maps of a record, read from a file. */

import assert from "node:assert/strict";
import test from "node:test";
import { mapOf, placesOf, readAtlas } from "../../web/js/attention/atlas.js";

const facts = {
    words: ["a", "red", "circle"],
    objects: [{ name: "red circle", words: [1, 2] }],
    sites: ["output 2 0"],
    steps: [0, 9],
    sigmas: [14.6, 0.1],
    total: { steps: 10, pictures: 1 },
};
const CELLS = [0, 0, 0, 255, 0, 255, 0, 0, 255, 0, 0, 0]; // one column each of 2 steps, 3 words

/**
 * @param {Record<string, any>} [changes] of the header
 * @param {any} [told]
 * @returns {ArrayBuffer}
 */
function file(changes = {}, told = facts) {
    const header = {
        __metadata__: { kind: "self-guidance maps", version: "1", facts: JSON.stringify(told) },
        cells: { dtype: "U8", shape: [1, 2, 1, 3, 2, 1], data_offsets: [0, 12] },
        lowest: { dtype: "F32", shape: [1, 2, 1, 3], data_offsets: [12, 36] },
        highest: { dtype: "F32", shape: [1, 2, 1, 3], data_offsets: [36, 60] },
        ...changes,
    };
    const text = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + text.length + 60);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    bytes.set(CELLS, 8 + text.length);
    const highest = new Uint8Array(new Float32Array([1, 1, 3, 1, 1, 1]).buffer);
    bytes.set(highest, 8 + text.length + 36);
    return bytes.buffer;
}

const page = { picture: 0, step: 0, site: -1 };

test("a file is read with its words, steps and what was left out", () => {
    const atlas = readAtlas(file());
    assert.deepEqual(atlas.objects, ["red circle"]);
    assert.deepEqual(atlas.steps, [0, 9]);
    assert.deepEqual(atlas.thinned, { steps: 10, pictures: 1 });
});

test("the map of a phrase is the mean of its words' attention, then stretched", () => {
    const atlas = readAtlas(file());
    assert.deepEqual([...mapOf(atlas, [1], page).values], [0, 1]);
    assert.deepEqual([...mapOf(atlas, [2], page).values], [0, 1]);
    assert.deepEqual([...mapOf(atlas, [1, 2], { ...page, step: 1 }).values], [1, 0]);
});

test("the mean over the steps is that of the attention, not of the stretched maps", () => {
    const atlas = readAtlas(file()); // 3 below, then 1 above
    assert.deepEqual([...mapOf(atlas, [2], { ...page, step: -1 }).values], [0, 1]);
});

test("a page outside of the record shows what is there", () => {
    const grid = mapOf(readAtlas(file()), [1], { picture: 7, step: 99, site: 5 });
    assert.equal(grid.values.length, 2);
});

test("a phrase is found by its letters wherever it stands", () => {
    const words = ["a", "red", "circle", ",", "Red", "circle", "star"];
    assert.deepEqual(placesOf(words, "RED circle"), [1, 2, 4, 5]);
    assert.deepEqual(placesOf(words, "circle"), [2, 5]);
    for (const none of ["", "ircle", "red star", "!"]) assert.deepEqual(placesOf(words, none), []);
});

test("broken files are errors", () => {
    const broken = [
        new ArrayBuffer(0),
        new Uint8Array([255, 255, 255, 255, 255, 255, 255, 127, 1]).buffer,
        new TextEncoder().encode("<html><body>not found</body></html>").buffer,
        file().slice(0, -1),
        file({ cells: undefined }),
        file({ cells: { dtype: "U8", shape: [1, 2, 1, 3, 2, 9], data_offsets: [0, 12] } }),
        file({ cells: { dtype: "U8", shape: [1, 2, 1, 3, 2, -1], data_offsets: [0, -12] } }),
        file({ lowest: { dtype: "F32", shape: [6], data_offsets: [12, 36] } }),
        file({ __metadata__: { kind: "other", version: "1", facts: "{}" } }),
        file({}, { ...facts, words: ["a"] }),
        file({}, {}),
    ];
    for (const buffer of broken) assert.throws(() => readAtlas(buffer));
});
