"""An applied model in a graph: applied again, patched on, shared, refused, and left as it was."""

from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.traces import broken, broken_term


@pytest.fixture
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


@pytest.fixture(autouse=True)
def no_interrupt_is_left(lab: ModuleType) -> Iterator[None]:
    import comfy.model_management

    yield
    assert not comfy.model_management.processing_interrupted()


def two(lab: ModuleType) -> tuple[Any, Any]:
    return lab.position(), lab.position("blue square", 0.2, 0.7)


@pytest.mark.compat("Front ends", "Apply twice, or Apply and KSampler: the terms add up")
def test_applied_twice_the_terms_add_up(lab: ModuleType, model: Any) -> None:
    first, second = two(lab)
    twice = lab.applied(lab.applied(model, [first], 0.7), [second], 0.7)
    result = lab.plain(twice)
    assert torch.equal(result, lab.plain(lab.applied(model, [first, second], 0.7)))
    for alone in (first, second):
        assert not torch.equal(result, lab.plain(lab.applied(model, [alone], 0.7)))


def test_the_weaker_of_two_counts_less(lab: ModuleType, model: Any) -> None:
    first, second = two(lab)
    twice = lab.applied(lab.applied(model, [first], 0.4), [second], 0.8)
    less = lab.position(weight=0.5)
    assert torch.equal(lab.plain(twice), lab.plain(lab.applied(model, [less, second], 0.8)))


@pytest.mark.parametrize("nothing", ["strength", "terms"])
def test_an_apply_that_asks_for_nothing_takes_nothing_away(
    lab: ModuleType, model: Any, nothing: str
) -> None:
    first, second = two(lab)
    applied = lab.applied(model, [first])
    more = ([], 1.0) if nothing == "terms" else ([second], 0.0)
    assert torch.equal(lab.plain(lab.applied(applied, *more)), lab.plain(applied))


def test_two_weightings_on_one_model_are_refused(lab: ModuleType, model: Any) -> None:
    first, second = two(lab)
    raw = lab.applied(model, [first], 50.0, weighting="raw (paper)")
    assert not torch.equal(lab.plain(raw), lab.plain(model))
    with pytest.raises(ValueError, match="weighting"):
        lab.applied(raw, [second])


@pytest.mark.compat("Front ends", "Apply twice, or Apply and KSampler: the terms add up")
def test_our_sampler_and_guider_add_to_what_a_model_follows(lab: ModuleType, model: Any) -> None:
    first, second = two(lab)
    applied = lab.applied(model, [first])
    alone, record = lab.guided(applied)
    assert torch.equal(alone, lab.plain(applied))
    assert [list(step.energies) for step in record] == 4 * [["position of red circle"]]
    both, more = lab.guided(applied, [second])
    assert len(more.steps[0].energies) == 2
    assert torch.equal(both, lab.guided(model, [first, second])[0])
    assert torch.equal(both, lab.custom(lab.guider(applied, [second]), lab.levels(model)))


def test_a_picture_is_looked_at_through_the_plain_model(lab: ModuleType, model: Any) -> None:
    from selfguidance.nodes.record_image import RecordImage

    applied = lab.applied(model, [lab.position("green star")])
    samples = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(8))

    def look(model: Any) -> Any:
        with torch.inference_mode():
            inputs = (lab.embedded(), {"samples": samples}, 3, "normal", 0)
            return RecordImage.execute(model, *inputs).args[0]

    one, other = look(model), look(applied)
    assert len(one.steps) == 3 and not any(step.guided for step in other)
    for a, b in zip(one, other, strict=True):
        for site, maps in a.properties.maps.items():
            assert torch.equal(maps, b.properties.maps[site])


@pytest.mark.compat("Other packs and nodes", "The order of patches does not matter")
def test_other_nodes_may_come_before_and_after(lab: ModuleType, model: Any) -> None:
    key = "diffusion_model.output_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
    generator = torch.Generator().manual_seed(4)
    change = 0.05 * torch.randn(model.model.state_dict()[key].shape, generator=generator)

    def patched(model: Any) -> Any:
        clone = model.clone()
        assert clone.add_patches({key: ("diff", (change,))}, 0.7) == [key]
        clone.set_model_sampler_post_cfg_function(lambda args: 0.9 * args["denoised"])
        return clone

    terms = [lab.position()]
    after = lab.plain(patched(lab.applied(model, terms)))
    assert torch.equal(after, lab.plain(lab.applied(patched(model), terms)))
    assert not torch.equal(after, lab.plain(lab.applied(model, terms)))
    assert not torch.equal(after, lab.plain(patched(model)))


@pytest.mark.compat("Lifecycle", "Two samplers on one model do not see each other's terms")
def test_two_models_on_one_base_do_not_see_each_other(lab: ModuleType, model: Any) -> None:
    plain = lab.plain(model)
    first, second = (lab.applied(model, [term]) for term in two(lab))
    alone = [lab.plain(applied) for applied in (first, second)]
    assert not torch.equal(*alone)
    for applied, expected in ((first, alone[0]), (model, plain), (second, alone[1])):
        assert torch.equal(lab.plain(applied), expected)
        assert torch.equal(lab.plain(applied), expected)


@pytest.mark.compat("Lifecycle", "A run within a run")
def test_a_run_within_a_run_has_its_own_state(lab: ModuleType, model: Any) -> None:
    """As a sampler does that renders a preview of its own on the way."""
    applied, other = (lab.applied(model, [term]) for term in two(lab))
    expected, *within = lab.plain(applied), lab.plain(applied, steps=2), lab.plain(other, steps=2)
    inner: list[torch.Tensor] = []

    def sample_others(args: Any) -> torch.Tensor:
        if len(inner) < 4 and not busy:
            running = model.model.current_patcher
            busy.append(True)
            inner.extend(lab.plain(each, steps=2) for each in (applied, other))
            busy.clear()
            model.model.current_patcher = running  # ComfyUI forgets it after a run
        return args["denoised"]

    busy: list[bool] = []
    outer = applied.clone()
    outer.set_model_sampler_post_cfg_function(sample_others)
    assert torch.equal(lab.plain(outer), expected)
    assert all(torch.equal(*pair) for pair in zip(inner, 2 * within, strict=True))
    inner.clear()
    samples, record = lab.guided(outer)
    assert torch.equal(samples, expected) and len(inner) == 4
    assert record.sigmas == tuple(lab.levels(model)[:-1].tolist())


def test_the_options_of_a_guider_are_ours_for_the_run_alone(lab: ModuleType, model: Any) -> None:
    before_and_after = []

    def around(executor: Any, *args: Any, **kwargs: Any) -> Any:
        guider = executor.class_obj
        before_and_after.append((guider.model_options, str(guider.model_options)))
        try:
            return executor(*args, **kwargs)
        finally:
            before_and_after.append((guider.model_options, str(guider.model_options)))

    for terms in ([lab.position()], [broken_term(lab, 2)]):
        patched = model.clone()
        patched.add_wrapper_with_key("outer_sample", "another pack", around)
        before_and_after.clear()
        with suppress(RuntimeError):
            lab.plain(lab.applied(patched, terms))
        (options, text), (later, then) = before_and_after
        assert later is options and then == text


def refusals(lab: ModuleType) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Terms and inputs of runs that cannot be guided."""
    import nodes
    from selfguidance.guidance.terms import reference as energies
    from selfguidance.guidance.terms.window import Window

    broken_latent = lab.latent()
    broken_latent["samples"][0, 0, 0, 0] = float("nan")
    zero = nodes.ConditioningZeroOut().zero_out(lab.embedded())[0]
    late = nodes.ConditioningSetTimestepRange().set_range(lab.embedded(), 0.9, 1.0)[0] + lab.empty()
    early = energies.Position(object="circle", x=0.5, y=0.5, window=Window(0.0, 0.3))
    masks = energies.Shape(object="red circle", mask=torch.eye(8).repeat(2, 1, 1))
    return {
        "object": (lab.position("green star"), {}),
        "table": (lab.position(), {"positive": lab.empty(1), "negative": lab.empty()}),
        "zero": (lab.position(), {"positive": zero, "negative": lab.empty()}),
        "times": (early, {"positive": late, "negative": lab.empty()}),
        "latent": (lab.position(), {"latent_image": broken_latent}),
        "masks": (masks, {"latent_image": lab.latent(3)}),
    }


@pytest.mark.parametrize("case", ["object", "table", "zero", "times", "latent", "masks", "levels"])
def test_what_cannot_be_guided_is_refused_alike_before_the_model_runs(
    lab: ModuleType, model: Any, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    if case == "levels":
        late = lab.guided(model, denoise=0.2, latent_image={"samples": torch.ones(1, 4, 16, 16)})
        terms, inputs = [lab.position(reference=late[1])], {}
    else:
        term, inputs = refusals(lab)[case]
        terms = [term]
    applied, guider = lab.applied(model, terms), lab.guider(model, terms, **inputs)
    monkeypatch.setattr(type(model.model), "apply_model", broken)
    messages = []
    for sample in (
        lambda: lab.guided(model, terms, **inputs),
        lambda: lab.plain(applied, **inputs),
        lambda: lab.custom(guider, lab.levels(model), **inputs),
    ):
        with pytest.raises(ValueError) as info:
            sample()
        messages.append(str(info.value))
    assert len(set(messages)) == 1 and len(messages[0]) > 25


@pytest.mark.compat("Models", "Models of a family that is not known", refuses=True)
def test_a_model_that_guidance_does_not_know_is_refused_where_terms_are_applied(
    lab: ModuleType,
) -> None:
    model = lab.unet("other")
    for terms, strength in (([], 1.0), ([lab.position()], 0.0)):
        assert torch.equal(lab.plain(lab.applied(model, terms, strength)), lab.plain(model))
    for node in (lab.applied, lab.guider):
        with pytest.raises(ValueError, match="family"):
            node(model, [lab.position()])
