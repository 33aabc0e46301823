/**
 * The maps of a record, read from the file that the preview node wrote. Pure functions.
 *
 * The file is in the safetensors format: length of the header, header as JSON, tensors.
 *
 * @typedef {import("../maps.js").Grid} Grid
 * @typedef {{
 *   shape: [number, number, number, number, number, number],
 *   cells: Uint8Array, lowest: Float32Array, highest: Float32Array,
 *   words: string[], objects: string[], sites: string[], steps: number[], sigmas: number[],
 *   thinned: { steps: number, pictures: number } | null,
 * }} Atlas cells of [pictures, steps, sites, words, rows, columns]
 * @typedef {{ picture: number, step: number, site: number }} Page -1: the mean over steps or sites
 */

import { mean, stretched } from "../maps.js";

const LIMIT = 64 * 2 ** 20; // bytes of a file

/**
 * @param {ArrayBuffer} buffer
 * @returns {Atlas}
 * @throws {Error} the file has another format
 */
export function readAtlas(buffer) {
    if (buffer.byteLength < 8 || buffer.byteLength > LIMIT) throw new Error("its size is wrong");
    const length = Number(new DataView(buffer).getBigUint64(0, true));
    if (length > buffer.byteLength - 8) throw new Error("it ends too soon");
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    const about = header.__metadata__ ?? {};
    if (about.kind !== "self-guidance maps" || about.version !== "1") {
        throw new Error("it holds no maps of this version");
    }
    const facts = JSON.parse(about.facts);
    const start = 8 + length;
    const cells = tensor(buffer, start, header.cells, "U8", 6);
    const shape = /** @type {Atlas["shape"]} */ (cells.shape);
    const counts = shape.slice(0, 4);
    const ends = ["lowest", "highest"].map((name) => {
        const found = tensor(buffer, start, header[name], "F32", 4);
        if (found.shape.join() !== counts.join()) throw new Error("its shapes do not fit");
        return new Float32Array(found.bytes.slice().buffer);
    });
    const [lowest, highest] = /** @type {[Float32Array, Float32Array]} */ (ends);
    return { shape, cells: cells.bytes, lowest, highest, ...named(facts, shape) };
}

/**
 * @param {any} facts
 * @param {Atlas["shape"]} shape
 */
function named(facts, shape) {
    const total = { steps: Number(facts.total?.steps), pictures: Number(facts.total?.pictures) };
    const lists = {
        words: strings(facts.words, shape[3]),
        objects: strings(list(facts.objects).map((object) => object?.name)),
        sites: strings(facts.sites, shape[2]),
        steps: list(facts.steps, shape[1]).map(Number),
        sigmas: list(facts.sigmas, shape[1]).map(Number),
    };
    const whole = total.steps <= shape[1] && total.pictures <= shape[0];
    return { ...lists, thinned: whole ? null : total };
}

/**
 * @param {ArrayBuffer} buffer
 * @param {number} start of the tensors
 * @param {any} about
 * @param {string} type
 * @param {number} axes
 * @returns {{ shape: number[], bytes: Uint8Array }}
 */
function tensor(buffer, start, about, type, axes) {
    const shape = list(about?.shape, axes).map(Number);
    const [from, to] = /** @type {[number, number]} */ (list(about?.data_offsets, 2).map(Number));
    const size = shape.reduce((product, side) => product * side, type === "F32" ? 4 : 1);
    const fits = shape.every((side) => Number.isInteger(side) && side > 0);
    if (about.dtype !== type || !fits || !(from >= 0) || to - from !== size) {
        throw new Error("its tensors do not fit");
    }
    if (start + to > buffer.byteLength) throw new Error("it ends too soon");
    return { shape, bytes: new Uint8Array(buffer, start + from, size) };
}

/**
 * @param {unknown} value
 * @param {number} [length]
 * @returns {any[]}
 */
function list(value, length) {
    if (!Array.isArray(value) || (length ?? value.length) !== value.length) {
        throw new Error("its lists do not fit");
    }
    return value;
}

/**
 * @param {unknown} value
 * @param {number} [length]
 */
function strings(value, length) {
    return list(value, length).map(String);
}

/**
 * Indices of a phrase's words: as in the nodes, at every occurrence.
 *
 * @param {readonly string[]} words
 * @param {string} phrase
 * @returns {number[]} empty where the words lack it
 */
export function placesOf(words, phrase) {
    const wanted = letters(phrase);
    /** @type {Set<number>} */
    const found = new Set();
    for (let start = 0; wanted && start < words.length; start += 1) {
        let said = "";
        for (let end = start; end < words.length && wanted.startsWith(said); end += 1) {
            said += letters(words[end] ?? "");
            if (said !== wanted) continue;
            for (let i = start; i <= end; i += 1) if (letters(words[i] ?? "")) found.add(i);
        }
    }
    return [...found];
}

/** @param {string} text */
export function letters(text) {
    return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
}

/**
 * Map of a phrase: mean over its words and the steps, range stretched to 0..1, mean over sites.
 *
 * @param {Atlas} atlas
 * @param {readonly number[]} words indices, at least one
 * @param {Page} page
 * @returns {Grid} from 0 to 1
 */
export function mapOf(atlas, words, { picture, step, site }) {
    const [pictures, steps, sites, , height, width] = atlas.shape;
    const shown = Math.min(Math.max(picture, 0), pictures - 1);
    const atSteps = chosen(step, steps);
    const maps = chosen(site, sites).map((k) =>
        stretched(
            mean(atSteps.flatMap((s) => words.map((word) => raw(atlas, [shown, s, k, word])))),
        ),
    );
    return { width, height, values: mean(maps) };
}

/**
 * @param {number} index
 * @param {number} count
 * @returns {number[]} the one, or all
 */
function chosen(index, count) {
    return index >= 0 && index < count ? [index] : [...Array(count).keys()];
}

/**
 * @param {Atlas} atlas
 * @param {[number, number, number, number]} place picture, step, site, word
 * @returns {Float32Array} attention, unscaled
 */
function raw({ shape, cells, lowest, highest }, place) {
    const index = place.reduce((sum, at, axis) => sum * (shape[axis] ?? 1) + at, 0);
    const size = shape[4] * shape[5];
    const low = lowest[index] ?? 0;
    const span = (highest[index] ?? 0) - low;
    const part = cells.subarray(index * size, (index + 1) * size);
    return Float32Array.from(part, (cell) => low + (span * cell) / 255);
}
