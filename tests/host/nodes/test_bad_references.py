"""Bad masks, looks, heads and pictures end in one ValueError that names the input."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.guidance.families import FAMILIES
from selfguidance.guidance.head.head import Head
from selfguidance.guidance.record.feature import Feature

MASK = torch.zeros(1, 8, 8)
MASK[:, :4, :4] = 1
WIDTH = 32  # channels of the narrow model's features


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    return lab.unet("shapes")


@pytest.fixture(scope="module")
def record(lab: ModuleType, model: Any) -> Any:
    return lab.guided(model, steps=2)[1]


@pytest.fixture
def use(lab: ModuleType, model: Any) -> Callable[..., Any]:
    """A run of these terms that has to end early, or not at all."""

    def run(terms: Sequence[Any], pictures: int = 1, **changes: Any) -> Any:
        return lab.guided(model, terms, steps=1, latent_image=lab.latent(pictures), **changes)

    return run


def made(node: str, **inputs: Any) -> Any:
    """What a node gives with its defaults."""
    from selfguidance.tools.quality.studio import call

    return call(f"SelfGuidance{node}", **inputs)


def mask(mode: str = "place", **inputs: Any) -> Any:
    return made("Mask", **{"mask": MASK, "mode": mode, **inputs})


def appearance(**inputs: Any) -> Any:
    return made("Appearance", **inputs)


def image(record: Any, **inputs: Any) -> Any:
    return made("Image", reference=record, **inputs)


def copy(record: Any, **inputs: Any) -> Any:
    return made("CopyObject", reference=record, **inputs)


def remove(record: Any, **inputs: Any) -> Any:
    return made("RemoveObject", reference=record, **inputs)


def feature(record: Any, object: str = "red circle", **inputs: Any) -> Any:
    return made("Feature", record=record, object=object, **inputs)


def look(family: str = "shapes", pictures: int = 1, width: int = WIDTH) -> Feature:
    return Feature(family, "ball", (1.0,), torch.ones(1, pictures, width))


def head(family: str = "shapes", block: int = 0, width: int = WIDTH) -> Head:
    (known,) = [f for f in FAMILIES if f.name == family]
    parts = torch.ones(1, width), torch.ones(1), torch.ones(1, 2, width), torch.ones(1, 2)
    return Head("ball", family, block or known.feature_place, (1.0,), *parts)


@pytest.mark.parametrize("mode", ["place", "preserve"])
@pytest.mark.parametrize(
    ("region", "reason"),
    [(0 * MASK, "is empty"), (MASK / 0, "holds NaN"), (1 - torch.ones(2, 1, 8, 8), "is empty")],
)
def test_a_mask_that_shows_nothing(record: Any, mode: str, region: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"the mask of '.*red circle' {reason}"):
        mask(mode, mask=region, reference=record)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_mask_without_room_cannot_place_but_can_preserve(record: Any, inverted: bool) -> None:
    region = {"mask": torch.full((1, 8, 8), float(not inverted)), "invert": inverted}
    with pytest.raises(ValueError, match=r"'red circle' covers the whole picture.*invert the mask"):
        mask(**region)
    (kept,) = mask("preserve", reference=record, **region)
    assert (kept.region == 1).all()


def test_masks_for_other_pictures(record: Any, use: Callable[..., Any]) -> None:
    for mode in ("place", "preserve"):
        terms = mask(mode, mask=MASK.repeat(2, 1, 1), reference=record)
        with pytest.raises(ValueError, match=r"mask of '.*red circle' holds 2 pictures but .* 3;"):
            use(terms, pictures=3)
        use(terms, pictures=2)


def test_what_is_preserved_needs_a_reference_of_its_size(
    lab: ModuleType, model: Any, use: Callable[..., Any]
) -> None:
    with pytest.raises(ValueError, match=r"reference is missing: mode 'preserve' .* wire"):
        mask("preserve")
    _, wide = lab.guided(model, steps=1, latent_image=lab.latent(1, 8, 16))
    terms = mask("preserve", reference=wide)
    with pytest.raises(ValueError, match=r"'preserved red circle' .* \(8, 16\), the latent \(8, 8"):
        use(terms)


def test_a_look_of_nothing(record: Any) -> None:
    with pytest.raises(ValueError, match=r"no mask is wired: .* one of: red circle, blue square"):
        feature(record, " ")
    with pytest.raises(ValueError, match="object 'green star' is not in the prompt"):
        feature(record, "green star")
    for region, reason in ((0 * MASK, "is empty"), (MASK / 0, "holds NaN")):
        with pytest.raises(ValueError, match=f"the mask of 'hat' {reason}"):
            feature(record, "hat", mask=region)
    assert feature(record, "", mask=MASK[None]).label == "masked region"


def test_looks_of_other_pictures(lab: ModuleType, model: Any) -> None:
    _, two = lab.guided(model, steps=1, latent_image=lab.latent(2))
    with pytest.raises(ValueError, match="mask holds 3 pictures but the record 2; use one mask"):
        feature(two, mask=MASK.repeat(3, 1, 1))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (look("sdxl"), "the feature of 'appearance of red circle' shows 'ball' .* 'sdxl', .* 'sh"),
        (look(pictures=2), "the feature of 'appearance of red circle' holds 2 pictures .* 3; use"),
        (
            look(width=7),
            f"the target of 'appearance of red circle' has 7 channels .* {WIDTH}; take",
        ),
    ],
    ids=["family", "pictures", "width"],
)
def test_a_look_that_does_not_fit(use: Callable[..., Any], other: Feature, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        use(appearance(feature=other), pictures=3)
    use(appearance(feature=look()), pictures=3)


def test_an_appearance_without_target_or_with_two(record: Any) -> None:
    for target in ({}, {"reference": record, "feature": look()}):
        with pytest.raises(
            ValueError, match="'red circle' needs a reference or a feature as its t"
        ):
            appearance(**target)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (
            head("sdxl"),
            "head of 'ball' reads features of family 'sdxl' .* 'shapes' at block 3; fit",
        ),
        (head(block=2), "head of 'ball' reads .* at block 2, .* at block 3; fit"),
        (head(width=7), f"head of 'ball' reads features of 7 channels but got {WIDTH}; fit"),
    ],
    ids=["family", "block", "width"],
)
def test_a_head_that_does_not_fit(use: Callable[..., Any], other: Head, reason: str) -> None:
    for terms in (mask(head=other), appearance(feature=look(), head=other)):
        with pytest.raises(ValueError, match=reason):
            use(terms)
    use([*mask(head=head()), *appearance(feature=look(), head=head())])


@pytest.mark.parametrize("make", [image, copy, remove])
def test_an_object_that_the_reference_lacks(record: Any, make: Callable[..., Any]) -> None:
    named = {"objects": "green star"} if make is image else {"object": "green star"}
    with pytest.raises(
        ValueError, match=r"object 'green star' is not in the prompt .* red, circle"
    ):
        make(record, **named)


def test_an_object_that_the_prompt_lacks(record: Any, use: Callable[..., Any]) -> None:
    other = {"objects": "green star = red circle"}
    copied = {"object": "green star", "reference_object": "red circle"}
    for terms in (image(record, **other), copy(record, **copied), mask(object="green star")):
        with pytest.raises(ValueError, match=r"object 'green star' is not in the prompt .* circle"):
            use(terms)


@pytest.mark.parametrize("text", ["= red circle", "red circle = red circle = x", "red circle ="])
def test_pairs_that_are_none(record: Any, text: str) -> None:
    with pytest.raises(
        ValueError, match=r"objects has '.*', which is no pair; write 'object of th"
    ):
        image(record, objects=text)


def test_an_object_that_follows_two(record: Any) -> None:
    with pytest.raises(ValueError, match="objects names 'red circle' twice"):
        image(record, objects="red circle, red circle = blue square")


def test_a_copy_without_size(record: Any) -> None:
    with pytest.raises(ValueError, match="scale must be above 0, got 0"):
        copy(record, scale=0.0)


@pytest.mark.parametrize("make", [image, copy, remove])
def test_a_reference_that_is_empty(lab: ModuleType, model: Any, make: Callable[..., Any]) -> None:
    _, blank = lab.guided(model, positive=lab.empty(1), negative=lab.empty(), steps=1)
    actions = (
        lambda: make(blank),
        lambda: mask("preserve", reference=blank),
        lambda: feature(blank, ""),
        lambda: feature(blank, mask=MASK),
    )
    for action in actions:
        with pytest.raises(ValueError, match=r"the record is empty, .* Self-Guidance Prompt"):
            action()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latent_image": {"samples": torch.zeros(1, 4, 16, 16)}}, "latent_image is empty, .* VAE"),
        ({"latent_image": {"samples": torch.ones(1, 4, 16, 16) / 0}}, "latent_image holds NaN"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        (
            {"positive": "plain"},
            "positive conditioning has no token table, .* Self-Guidance Prompt",
        ),
        ({"positive": "zero"}, "positive conditioning is zero everywhere"),
        ({"model": "other"}, "is of no supported family"),
    ],
    ids=["empty", "nan", "steps", "no table", "zero", "model"],
)
def test_a_picture_that_cannot_be_recorded(
    lab: ModuleType, model: Any, changes: dict[str, Any], reason: str
) -> None:
    zero = [[torch.zeros_like(cond), extra] for cond, extra in lab.embedded()]
    known = {"plain": lab.empty(), "zero": zero}
    known |= {"other": lab.unet("other"), "own": model}
    inputs = {"model": "own", "latent_image": {"samples": torch.ones(1, 4, 16, 16)}, **changes}
    inputs = {"positive": lab.embedded(), **inputs}
    used = {key: known[v] if isinstance(v, str) else v for key, v in inputs.items()}
    with pytest.raises(ValueError, match=reason):
        made("RecordImage", **used)


NODES: dict[str, Callable[..., Any]] = {
    "place": lambda record, **times: mask(**times),
    "preserve": lambda record, **times: mask("preserve", reference=record, **times),
    "appearance": lambda record, **times: appearance(feature=look(), **times),
    "image": image,
    "copy": copy,
    "remove": lambda record, **times: remove(record, object="blue square", **times),
}


@pytest.mark.parametrize("name", NODES)
def test_a_start_after_the_end(record: Any, name: str) -> None:
    with pytest.raises(ValueError, match=r"start_percent must not be after end_percent, got 0\.7"):
        NODES[name](record, start_percent=0.7, end_percent=0.2)


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("off", [{"weight": 0.0}, {"start_percent": 0.4, "end_percent": 0.4}])
def test_what_is_switched_off_costs_and_changes_nothing(
    lab: ModuleType, model: Any, record: Any, name: str, off: dict[str, float]
) -> None:
    samples, run = lab.guided(model, NODES[name](record, **off), steps=2)
    assert torch.equal(samples, lab.plain(model, steps=2))
    assert not any(step.guided or step.energies for step in run)
    samples, run = lab.guided(model, NODES[name](record), steps=2)
    assert not torch.equal(samples, lab.plain(model, steps=2)) and run.steps[0].energies


def test_references_of_other_pictures(lab: ModuleType, model: Any, use: Callable[..., Any]) -> None:
    _, two = lab.guided(model, steps=1, latent_image=lab.latent(2))
    for terms in (image(two), copy(two), remove(two), mask("preserve", reference=two)):
        with pytest.raises(ValueError, match=r"the reference of '.*' holds 2 pictures .* 3; use"):
            use(terms, pictures=3)
