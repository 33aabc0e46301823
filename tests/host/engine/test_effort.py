"""How many gradients a run takes, by its schedule and the user's choice."""

from types import ModuleType
from typing import Any

import pytest
import torch

EFFORTS = ("auto", "every step", "thrifty")


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Noise levels of all gradients that are taken."""
    from selfguidance.guidance.acting import Acting

    taken: list[float] = []
    original = Acting.gradient

    def counted(acting: Acting, *args: Any) -> Any:
        taken.append(acting.sigma)
        return original(acting, *args)

    monkeypatch.setattr(Acting, "gradient", counted)
    return taken


# With 4 steps the noise shrinks from 14.6 over 2.92 and 0.93 to 0.03, so that a step of half the
# noise would move x by 2.0, 1.07 and 15.6 times what is left. In 4, 3 and 4 parts of equal ratio it
# moves 0.25 or less at once, or as little as four parts can.
@pytest.mark.parametrize(
    ("effort", "steps", "expected"),
    [
        ("every step", 4, [1, 1, 1, 1]),
        ("auto", 4, [4, 3, 4, 1]),
        ("thrifty", 4, [4, 3, 4, 1]),
        ("auto", 15, [1] * 15),
        ("thrifty", 15, [1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1]),
    ],
)
def test_a_run_takes_as_many_gradients_as_its_effort_says(
    lab: ModuleType, model: Any, passes: list[float], effort: str, steps: int, expected: list[int]
) -> None:
    _, record = lab.guided(model, [lab.position()], steps=steps, effort=effort)
    levels = [step.properties.sigma for step in record]
    assert [passes.count(level) for level in levels] == expected


def test_energies_are_watched_where_no_gradient_is_taken(lab: ModuleType, model: Any) -> None:
    term = lab.position()
    _, record = lab.guided(model, [term], steps=15, effort="thrifty")
    assert all(term.label in step.energies for step in record)


@pytest.mark.parametrize(
    ("effort", "sampler", "steps"),
    [("auto", "heun", 4), ("auto", "uni_pc", 4), ("auto", "dpmpp_2m", 4), ("thrifty", "heun", 9)],
)
def test_the_same_run_has_the_same_bits_everywhere_and_twice(
    lab: ModuleType, model: Any, effort: str, sampler: str, steps: int
) -> None:
    inputs = {"steps": steps, "sampler_name": sampler}
    terms = [lab.position()]
    first, _ = lab.guided(model, terms, effort=effort, **inputs)
    again, _ = lab.guided(model, terms, effort=effort, **inputs)
    applied = lab.plain(lab.applied(model, terms, effort=effort), **inputs)
    guider = lab.guider(model, terms, effort=effort, **inputs)
    custom = lab.custom(guider, lab.levels(model, **inputs), **inputs)
    assert torch.isfinite(first).all() and not torch.equal(first, lab.plain(model, **inputs))
    assert torch.equal(first, again)
    assert torch.equal(first, applied)
    assert torch.equal(first, custom)


@pytest.mark.parametrize("effort", EFFORTS)
def test_without_strength_the_bits_are_comfyuis(lab: ModuleType, model: Any, effort: str) -> None:
    guided, _ = lab.guided(model, [lab.position()], 0.0, effort=effort)
    assert torch.equal(guided, lab.plain(model))


def test_with_usual_steps_auto_is_every_step(lab: ModuleType, model: Any) -> None:
    one, other = (
        lab.guided(model, [lab.position()], steps=15, effort=effort)[0]
        for effort in ("auto", "every step")
    )
    assert torch.equal(one, other)


def test_raw_gradients_are_those_of_the_paper_one_a_call(
    lab: ModuleType, model: Any, passes: list[float]
) -> None:
    lab.guided(model, [lab.position()], 300.0, weighting="raw (paper)", effort="auto")
    assert len(passes) == len(set(passes)) == 4


def test_of_two_nodes_on_a_model_the_more_thorough_effort_counts(
    lab: ModuleType, model: Any, passes: list[float]
) -> None:
    thrifty = lab.applied(model, [lab.position()], effort="thrifty")
    lab.guided(thrifty, [lab.position("blue square")], steps=15, effort="every step")
    assert len(passes) == 15


def test_a_picture_of_a_batch_is_the_same_alone(lab: ModuleType, model: Any) -> None:
    terms, effort = [lab.position()], "auto"
    both = lab.latent(2, 16, 16)
    # the noise of a batch is drawn for both pictures together, of which the first is that alone
    together, _ = lab.guided(model, terms, latent_image=both, steps=4, effort=effort)
    alone, _ = lab.guided(model, terms, latent_image=lab.latent(1, 16, 16), steps=4, effort=effort)
    # random weights enlarge rounding with every pass
    torch.testing.assert_close(alone[0], together[0], rtol=1e-2, atol=5e-3)
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_terms_whose_words_turn_out_not_to_be_seen_take_no_step(lab: ModuleType) -> None:
    from selfguidance.nodes.engine.call import Call

    asked = lab.always(lab.position(), lab.position("blue square")).at(1.0)
    seen = lab.always(lab.position()).at(1.0)
    x = torch.zeros(1, 4, 8, 8)
    call = Call({}, asked, x.shape, guided=True, traced=True, features=False)

    def guided(latent: torch.Tensor) -> list[torch.Tensor]:
        call.acting, call.gradient = seen, torch.ones_like(latent)
        call.energies = dict.fromkeys(seen.energies, torch.ones(1))
        return [latent]

    call.paced(guided, x, torch.ones(1))
    expected = seen.step(torch.ones_like(x), call.energies, torch.ones(1))
    assert call.step is not None
    assert torch.equal(call.step, expected)
