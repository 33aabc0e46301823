"""Trials of terms and recipes that set position, size and layout."""

from random import Random

import numpy as np

from ...guidance.head.fit import fit
from ...guidance.head.head import Head
from .edits import FACTOR
from .space import radius
from .studio import Studio, call
from .trials import (
    Original,
    Seen,
    Trial,
    as_mask,
    distance,
    drawn_mask,
    largest,
    names,
    off,
    overlap,
    place_error,
    prompt,
    right,
    room,
    sampled,
)

RADIUS = (14.0, 24.0)  # pixels, of the shape in a mask
EXAMPLES = 3  # number of pictures that a head is fitted on


def position(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """An object is placed at a point by the Position term."""
    original = sampled(studio, names(rng), seed)
    if original is None:
        return None
    name, other = original.names
    thing = original.thing(name)
    place = room(rng, radius(thing), [original.thing(other)], thing)
    if place is None:
        return None
    x, y = place
    terms = call("SelfGuidancePosition", object=name, x=x, y=y)
    after = studio.shoot(original.prompt, original.seed, terms)

    def numbers(seen: Seen) -> dict[str, float | bool]:
        return {
            **place_error(distance(largest(seen.objects, name.split()[0]), x, y)),
            "shape right": right(seen.objects, name),
            "other there": right(seen.objects, other),
        }

    asked = f"{name} to ({x:.2f}, {y:.2f})"
    pictures = {"before": original.image, "after": after.image}
    return Trial(asked, pictures, numbers(after), numbers(original))


def size(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """An object's area is multiplied by a factor, by the Size term alone."""
    original = sampled(studio, names(rng), seed)
    if original is None:
        return None
    name, factor = original.names[0], rng.uniform(*FACTOR)
    area = original.thing(name).area * factor
    terms = call(
        "SelfGuidanceSize", object=name, size=factor, relative=True, reference=original.record
    )
    after = studio.shoot(original.prompt, original.seed, terms)

    def numbers(seen: Seen) -> dict[str, float | bool]:
        found = largest(seen.objects, name.split()[0])
        return {"area off": off(found, area), "shape right": right(seen.objects, name)}

    pictures = {"before": original.image, "after": after.image}
    return Trial(f"{name} x {factor:.2f}", pictures, numbers(after), numbers(original))


def mask(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """An object is placed in a mask, with its shape read from attention."""
    return _masked(studio, rng, seed, None)


def mask_by_head(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """As `mask`, with the shape read by a head that was fitted on a few other pictures."""
    state = rng.getstate()
    name = names(rng)[0]  # the one that `_masked` draws
    rng.setstate(state)
    originals = (sampled(studio, [name, *names(rng, 1, [name])], 9000 + 50 * k) for k in range(9))
    examples = [s for s in originals if s is not None][:EXAMPLES]
    rng.setstate(state)
    if len(examples) < EXAMPLES:
        return None
    head = fit([(s.record, as_mask(s.thing(name).mask)) for s in examples], name)
    return _masked(studio, rng, seed, head)


def _masked(studio: Studio, rng: Random, seed: int, head: Head | None) -> Trial:
    phrases = names(rng)
    name = phrases[0]
    radius = rng.uniform(*RADIUS)
    x, y = rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75)
    wanted = drawn_mask(name, x, y, radius)
    terms = call("SelfGuidanceMask", object=name, mask=as_mask(wanted), head=head)
    before = studio.shoot(prompt(phrases), seed)
    after = studio.shoot(prompt(phrases), seed, terms)

    def numbers(seen: Seen) -> dict[str, float | bool]:
        found = largest(seen.objects, name.split()[0])
        return {
            "overlap": overlap(found, wanted),
            "shape right": right(seen.objects, name),
            "other there": right(seen.objects, phrases[1]),
        }

    shown = np.repeat(wanted[..., None].astype(np.float32), 3, -1)
    pictures = {"before": before.image, "mask": shown, "after": after.image}
    asked = f"{name} at ({x:.2f}, {y:.2f}), radius {radius:.0f} px"
    return Trial(asked, pictures, numbers(after), numbers(before))


def preserve(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """One half of a picture is preserved while seed and prompt change."""
    original = sampled(studio, names(rng), seed)
    if original is None:
        return None
    region = np.zeros(original.image.shape[:2], dtype=bool)
    half = rng.choice(("left", "right", "upper", "lower"))
    middle = len(region) // 2
    rows = {"upper": slice(middle), "lower": slice(middle, None)}.get(half, slice(None))
    columns = {"left": slice(middle), "right": slice(middle, None)}.get(half, slice(None))
    region[rows, columns] = True
    text, other_seed = prompt(names(rng)), seed + 1000
    terms = call(
        "SelfGuidanceMask",
        object="",
        mask=as_mask(region),
        mode="preserve",
        reference=original.record,
    )
    before = studio.shoot(text, other_seed)
    after = studio.shoot(text, other_seed, terms)

    def numbers(seen: Seen) -> dict[str, float | bool]:
        change = np.abs(seen.image - original.image).mean(-1)
        return {"change inside": float(change[region].mean())}

    pictures = {"reference": original.image, "before": before.image, "after": after.image}
    asked = f"{half} half stays, the prompt becomes '{text}'"
    return Trial(asked, pictures, numbers(after), numbers(before))


def layout(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """Other objects, with another seed, take the layout of a reference."""
    original = sampled(studio, names(rng), seed)
    if original is None:
        return None
    phrases = names(rng, 2, original.names)
    pairs = dict(zip(phrases, original.names, strict=True))
    objects = ", ".join(f"{ours} = {theirs}" for ours, theirs in pairs.items())
    terms = call(
        "SelfGuidanceImage", reference=original.record, layout=1.0, appearance=0.0, objects=objects
    )
    before = studio.shoot(prompt(phrases), seed + 1000)
    after = studio.shoot(prompt(phrases), seed + 1000, terms)
    pictures = {"reference": original.image, "before": before.image, "after": after.image}
    numbers = [followed(seen, original, pairs) for seen in (after, before)]
    return Trial(objects, pictures, *numbers)


def followed(seen: Seen, original: Original, pairs: dict[str, str]) -> dict[str, float | bool]:
    """Errors of position, area and shape of objects against those of an original; the largest."""
    errors, areas = [], []
    for ours, theirs in pairs.items():
        found, wanted = largest(seen.objects, ours.split()[0]), original.thing(theirs)
        errors.append(distance(found, wanted.x, wanted.y))
        areas.append(off(found, wanted.area))
    return {
        **place_error(max(errors)),
        "area off": max(areas),
        "shapes right": all(right(seen.objects, name) for name in pairs),
    }
