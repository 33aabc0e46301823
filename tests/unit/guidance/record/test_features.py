"""Features of the words in a record, pooled for all its steps at once."""

import pytest
import torch
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record import record
from selfguidance.guidance.record.record import Step, with_features
from selfguidance.guidance.words.table import TokenTable
from selfguidance.tests.unit.guidance.toys import SITE, table
from torch import Tensor

SHORT, LONG = table("circle"), table("a circle")
COLUMNS = torch.tensor([1.0, 2.0, 3.0, 4.0])


def step(column: int, words: TokenTable = SHORT, factor: float = 1.0) -> Step:
    """Two pictures, whose words all lie on one column; the one channel is the column's number."""
    maps = torch.zeros(2, len(words.words), 4, 4)
    maps[..., column] = 1.0
    grid = (factor * COLUMNS).expand(2, 1, 4, 4)
    return Step(Properties(1.0, words, {SITE: maps.half()}, feature_grid=grid.half()))


def pooled(steps: list[Step]) -> list[Tensor]:
    """Features of every step."""
    found = [step.properties.features for step in with_features(steps)]
    assert all(features is not None for features in found)
    return [features for features in found if features is not None]


@pytest.mark.parametrize("at_once", [1, 2000, 10**6])
@pytest.mark.parametrize("count", [1, 3, 150])
def test_every_step_gets_the_features_under_its_own_maps(
    monkeypatch: pytest.MonkeyPatch, count: int, at_once: int
) -> None:
    monkeypatch.setattr(record, "POOLED_AT_ONCE", at_once)
    columns = [(7 * i) % 4 for i in range(count)]
    for column, features in zip(columns, pooled([step(c) for c in columns]), strict=True):
        assert features.dtype == torch.float16
        torch.testing.assert_close(features, torch.full((2, 1, 1), column + 1.0).half())


def test_steps_with_other_words_or_other_grids_are_pooled_apart() -> None:
    first, second, third = pooled([step(0), step(1, LONG), step(2, factor=10.0)])
    assert first.shape == (2, 1, 1) and first.unique().tolist() == [1.0]
    assert second.shape == (2, 2, 1) and second.unique().tolist() == [2.0]
    assert third.shape == (2, 1, 1) and third.unique().tolist() == [30.0]


def test_steps_that_have_features_or_saw_none_stay_as_they_are() -> None:
    own = Properties(1.0, SHORT, {SITE: torch.rand(2, 1, 4, 4)}, torch.rand(2, 1, 3))
    bare = Properties(1.0, SHORT, {SITE: torch.rand(2, 1, 4, 4)})
    kept = with_features([Step(own), step(0), Step(bare)])
    assert kept[0].properties is own and kept[2].properties is bare
    assert kept[1].properties.features is not None


def test_what_a_step_holds_besides_is_kept() -> None:
    before = Step(step(0).properties, {"size of circle": (0.5, 0.25)}, guided=True)
    (after,) = with_features([before])
    assert after.energies == before.energies and after.guided
    assert after.properties.maps is before.properties.maps
    assert after.properties.feature_grid is before.properties.feature_grid
