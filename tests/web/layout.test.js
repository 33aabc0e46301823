/** The layout canvas without its page: what it reads, how edits change it, what a drag does. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Drag } from "../../web/js/layout/drag.js";
import { caught, changed, dropped, grown, movedTo } from "../../web/js/layout/edits.js";
import { switched, withAdded } from "../../web/js/layout/edits.js";
import { pressed } from "../../web/js/layout/keys.js";
import { Model, understood } from "../../web/js/layout/model.js";
import { added, edited, parsed, placed, written } from "../../web/js/layout/value.js";

const START = { x: 0.3, y: 0.5, width: 0.25, height: 0.2 };
const circle = placed("red circle", START);
const star = added("star", { x: 0.5, y: 0.5, width: 0.2, height: 0.1 });
const FRAME = { left: 10, top: 20, width: 200, height: 100 };
const plain = { shift: false, snap: false };
const told = (x = 0.3) => ({
    objects: [
        { phrase: "red circle", ...START, x },
        { phrase: "blue square", ...START, y: 0.8 },
    ],
    words: ["red"],
    aspect: 2,
});
const seen = (x) => understood(told(x), () => "/view");

describe("the value", () => {
    test("what is written is read again", () => {
        const moved = { ...circle, x: 0.7, scale: 1.5, rotation: -30 };
        const items = [moved, switched(circle, "keep"), switched(circle, "free"), star];
        const named = items.map((item, index) => ({ ...item, phrase: `o${index}` }));
        assert.deepEqual(parsed(written(named)), named);
    });

    test("numbers are written in the range that the node reads", () => {
        const far = { ...circle, x: 1.5, scale: 99, rotation: 725 };
        const { x, scale, rotation } = JSON.parse(written([far])).objects[0];
        assert.deepEqual([x, scale, rotation], [1, 20, 5]);
    });

    for (const [name, text] of Object.entries({
        "no JSON": "{",
        nothing: "null",
        "another version": '{"version": 2, "objects": []}',
        "no list": '{"version": 1, "objects": 3}',
        "no object": '{"version": 1, "objects": [null]}',
        "text for a number": written([star]).replace("0.5", '"0.5"'),
        "a place outside": written([star]).replace("0.5", "1e9"),
        "an object twice": written([star, star]),
        "an unknown kind": written([star]).replace("add", "__proto__"),
        "too much": " ".repeat(70000),
    })) {
        test(`${name} is refused`, () => assert.throws(() => parsed(text), Error));
    }
});

describe("the model", () => {
    test("shows the run's objects where they are until somebody edits", () => {
        const model = new Model();
        model.seen = seen();
        assert.deepEqual(
            model.items.map(({ phrase }) => phrase),
            ["red circle", "blue square"],
        );
        assert.equal(model.text, "");
        assert.equal(model.edited, false);
    });

    test("an edit writes all objects, and undo gives back the very text", () => {
        const model = new Model();
        model.seen = seen();
        assert.ok(model.edit((all) => changed(all, "red circle", (it) => movedTo(it, 0.8, 0.5))));
        const after = model.text;
        assert.equal(JSON.parse(after).objects.length, 2);
        assert.ok(model.undo());
        assert.equal(model.text, "");
        assert.ok(model.redo());
        assert.equal(model.text, after);
        assert.equal(model.redo(), false);
    });

    test("an edit that changes nothing is no step", () => {
        const model = new Model();
        model.seen = seen();
        assert.equal(
            model.edit((all) => changed(all, "red circle", (it) => ({ ...it }))),
            false,
        );
        assert.equal(model.undoable, false);
    });

    test("in a new run what was moved keeps its goal and what was not follows the run", () => {
        const model = new Model();
        model.seen = seen();
        model.edit((all) => changed(all, "red circle", (it) => movedTo(it, 0.8, 0.5)));
        model.edit((all) => changed(all, "blue square", (it) => grown(it, 2)));
        model.seen = seen(0.6);
        const [moved, resized] = model.items;
        assert.deepEqual([moved?.x, moved?.start?.x], [0.8, 0.6]);
        assert.deepEqual([resized?.x, resized?.scale], [0.3, 2]);
    });

    test("a text from outside ends the history", () => {
        const model = new Model();
        model.seen = seen();
        model.edit((all) => withAdded(all, "star"));
        model.load(written([circle]));
        assert.equal(model.undoable, false);
        assert.ok(model.items.some(({ phrase }) => phrase === "red circle"));
    });

    test("a broken text is kept, named, and can be put back", () => {
        const model = new Model();
        model.load("<img src=x onerror=alert(1)>");
        assert.ok(model.problem);
        assert.deepEqual(model.items, []);
        assert.equal(model.text, "<img src=x onerror=alert(1)>");
        assert.ok(model.reset());
        assert.equal(model.problem, null);
    });

    test("an object that the prompt lost is known as missing, an added one is not", () => {
        const model = new Model();
        model.seen = seen();
        model.load(written([placed("ball", START), star]));
        const lost = model.items.filter((item) => model.missing(item));
        assert.deepEqual(
            lost.map(({ phrase }) => phrase),
            ["ball"],
        );
    });

    test("what a run tells is checked", () => {
        assert.equal(
            understood(null, () => ""),
            null,
        );
        const odd = { objects: [{ phrase: "a", x: 2 }, null, 3], aspect: -1, words: "x" };
        assert.deepEqual(
            understood(odd, () => ""),
            {
                prompt: "",
                words: [],
                objects: [],
                boxes: [],
                aspect: null,
                picture: null,
            },
        );
    });

    test("boxes of other nodes are shown where they are, odd ones are not", () => {
        const boxes = [
            { phrase: "red circle", ...START },
            { phrase: "b", ...START, x: 7 },
        ];
        const { boxes: found } = understood({ ...told(), boxes }, () => "");
        assert.deepEqual(found, [{ phrase: "red circle", box: START }]);
        assert.deepEqual(understood({ ...told(), boxes: "x" }, () => "").boxes, []);
    });
});

describe("edits", () => {
    test("locked and free objects are back at their start and do not move", () => {
        const moved = movedTo(circle, 0.9, 0.9);
        const kept = switched(moved, "keep");
        assert.deepEqual([kept.kind, kept.x, kept.y], ["keep", 0.3, 0.5]);
        assert.equal(movedTo(kept, 0.9, 0.9), kept);
        assert.equal(edited(kept), false);
        assert.equal(switched(kept, "keep").kind, "move");
        assert.equal(switched(kept, "free").kind, "free");
    });

    test("deleting takes added objects away and puts others back", () => {
        const items = [movedTo(circle, 0.9, 0.9), star];
        assert.deepEqual(dropped(items, "star"), [items[0]]);
        assert.deepEqual(dropped(items, "red circle"), [circle, star]);
        assert.deepEqual(dropped(items, "red circle", true), [star]);
    });

    test("an object is added once, whatever its case", () => {
        assert.equal(withAdded([circle], " Red CIRCLE ").length, 1);
        assert.equal(withAdded([circle], "  ").length, 1);
        assert.equal(withAdded([circle], "moon").at(-1)?.kind, "add");
    });

    test("nothing leaves the picture or vanishes", () => {
        assert.deepEqual([movedTo(circle, 7, -7).x, movedTo(circle, 7, -7).y], [1, 0]);
        assert.equal(grown(circle, 1e-9).scale, 0.05);
        assert.ok(grown(star, 1e-9).height >= 0.02);
        assert.ok(grown(star, 1e9).width <= 1);
        assert.equal(grown(circle, NaN), circle);
    });

    test("a drag catches the start, the others and the middle, else the grid", () => {
        const near = { ...circle, x: 0.31, y: 0.492 };
        assert.deepEqual(caught(near, [near]).lines, { x: 0.3, y: 0.5 });
        const free = caught({ ...circle, start: null, x: 0.163, y: 0.24 }, []);
        assert.deepEqual([free.item.x, free.item.y], [0.15, 0.25]);
        assert.deepEqual(free.lines, { x: null, y: null });
    });
});

describe("a drag", () => {
    test("moves by fractions of the picture, not of the canvas", () => {
        const drag = new Drag("body", circle, { x: 70, y: 70 }, FRAME);
        const { item } = drag.step({ x: 110, y: 60 }, plain, [circle]);
        assert.deepEqual([item.x.toFixed(6), item.y.toFixed(6)], ["0.500000", "0.400000"]);
    });

    test("with shift moves along one axis", () => {
        const drag = new Drag("body", circle, { x: 70, y: 70 }, FRAME);
        const { item } = drag.step({ x: 110, y: 73 }, { shift: true, snap: true }, [circle]);
        assert.deepEqual([item.x, item.y], [0.5, 0.5]);
    });

    test("of a corner to twice the distance doubles the sides", () => {
        const drag = new Drag("corner", circle, { x: 95, y: 80 }, FRAME);
        assert.equal(drag.step({ x: 120, y: 90 }, plain, []).item.scale, 2);
    });

    test("of a corner of an added object sets both sides", () => {
        const drag = new Drag("corner", star, { x: 130, y: 75 }, FRAME);
        const { item } = drag.step({ x: 150, y: 100 }, plain, []);
        assert.deepEqual([item.width, item.height], [0.4, 0.6]);
    });

    test("of the handle a quarter round turns by 90 degrees", () => {
        const drag = new Drag("turn", circle, { x: 70, y: 40 }, FRAME);
        assert.equal(drag.step({ x: 100, y: 70 }, plain, []).item.rotation, 90);
    });
});

describe("keys", () => {
    const press = (key, more = {}) => {
        const done = [];
        const doing = Object.fromEntries(
            ["undo", "redo", "drop", "leave", "next", "turnInto"].map((name) => [
                name,
                () => done.push(name),
            ]),
        );
        doing.change = (change) => done.push(change(circle));
        const taken = pressed({ key, ...more }, doing);
        return { taken, done };
    };

    test("arrows move, with shift further", () => {
        assert.equal(press("ArrowRight").done[0].x.toFixed(2), "0.31");
        assert.equal(press("ArrowUp", { shiftKey: true }).done[0].y.toFixed(2), "0.45");
    });

    test("undo and redo", () => {
        assert.deepEqual(press("z", { ctrlKey: true }).done, ["undo"]);
        assert.deepEqual(press("Z", { metaKey: true, shiftKey: true }).done, ["redo"]);
        assert.deepEqual(press("y", { ctrlKey: true }).done, ["redo"]);
    });

    test("keys of the page are left to it", () => {
        for (const key of ["Enter", "q", "Tab", "constructor"]) assert.ok(!press(key).taken, key);
        assert.ok(!press("Enter", { ctrlKey: true }).taken);
    });
});
