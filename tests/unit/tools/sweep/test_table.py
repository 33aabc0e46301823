"""What a sweep's file says, and its mistakes."""

from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.unit.tools.sweep.sweeps import GRAPH, written
from selfguidance.tools.host import host
from selfguidance.tools.sweep import table


def test_cells_are_all_combinations_the_last_input_of_the_grid_fastest() -> None:
    said = {
        "set": {"a.x": 1},
        "grid": {"b.x": [1, 2], "c.x": {"from": 0, "to": 1, "count": 3}},
        "list": [{"d.x": "p", "e.x": True}, {"d.x": "q", "e.x": False}],
    }
    made = table.cells(said)
    assert [(c["d.x"], c["b.x"], c["c.x"]) for c in made[:4]] == [
        ("p", 1, 0),
        ("p", 1, 0.5),
        ("p", 1, 1),
        ("p", 2, 0),
    ]
    assert len(made) == 12 and all(cell["a.x"] == 1 for cell in made)
    assert all(cell["e.x"] == (cell["d.x"] == "p") for cell in made)


def test_steps_between_whole_numbers_are_whole_where_they_can_be() -> None:
    (cells,) = [table.cells({"grid": {"a.x": {"from": 1, "to": 9, "count": 3}}})]
    assert [cell["a.x"] for cell in cells] == [1, 5, 9]
    assert all(isinstance(cell["a.x"], int) for cell in cells)


def test_draws_stay_when_an_input_is_added_and_change_with_the_seed() -> None:
    values = {"a.x": {"uniform": [0, 1]}, "b.x": {"integer": [3, 5]}, "c.x": {"log": [0.01, 1]}}
    drawn = table.cells({"draw": {"count": 50, "values": values}})
    more = {**values, "d.x": {"choice": ["p", "q"]}}
    again = table.cells({"draw": {"count": 50, "seed": 0, "values": more}})
    assert [{**cell, "d.x": 0} for cell in drawn] == [{**cell, "d.x": 0} for cell in again]
    assert {cell["d.x"] for cell in again} == {"p", "q"}
    assert {cell["b.x"] for cell in drawn} == {3, 4, 5}
    assert all(0.01 <= cell["c.x"] <= 1 for cell in drawn)
    assert drawn != table.cells({"draw": {"count": 50, "seed": 1, "values": values}})


def test_a_workflow_is_an_example_or_a_file_beside_the_sweep(tmp_path: Path) -> None:
    beside = table.read(written(tmp_path, output="results", outputs=[5]))
    assert beside.graph == GRAPH and beside.cells == ({},) and beside.outputs == ("5",)
    assert beside.output == tmp_path / "results" and beside.records
    example = table.read(written(tmp_path, workflow="11_move_an_object"))
    assert example.graph["12"]["class_type"] == "SelfGuidanceMoveObject"
    assert example.output == host.ROOT / "output" / "sweep" / "sweep"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"grids": {}}, "unknown key 'grids'; there are: workflow, output"),
        ({"records": "no"}, "records must be true or false, got 'no'"),
        ({"workflow": "gone.json"}, "'gone.json' is neither an example nor a file"),
        ({"workflow": "sweep.yaml"}, "is no JSON"),
        ({"grid": {"2.value": []}}, "grid of '2.value' must be a list of values"),
        ({"grid": {"2.value": {"from": 1, "to": 2}}}, "a list of values, or {from"),
        ({"grid": {"2.value": {"from": 1, "to": 2, "count": 1}}}, "with a count above 1"),
        ({"grid": {"2.value": {"from": "a", "to": 2, "count": 3}}}, "two different numbers"),
        ({"grid": {2: [1]}}, "input 2 must be NODE.INPUT"),
        ({"grid": {"2.value": [1]}, "set": {"2.value": 1}}, "'2.value' stands in two places"),
        ({"list": [{"2.value": 1}, {"1.name": "a"}]}, "rows with the same inputs"),
        ({"list": []}, "rows with the same inputs"),
        ({"draw": {"count": 0, "values": {}}}, "count above 0"),
        ({"draw": {"values": {}}}, "draw must have count, values"),
        ({"draw": {"count": 1, "values": {"2.value": {"integer": [0.5, 2]}}}}, "draw of '2.value'"),
        ({"draw": {"count": 1, "values": {"2.value": {"log": [0, 2]}}}}, "draw of '2.value'"),
        ({"draw": {"count": 1, "values": {"2.value": 5}}}, "must be {uniform"),
        ({"grid": {"2.value": [*range(400)], "3.seed": [*range(400)]}}, "160000 cells, at most"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, said: dict[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", "\\[")) as caught:
        table.read(written(tmp_path, **said))
    assert str(tmp_path / "sweep.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workflow: [", "is no YAML"),
        ("- 1", "expected keys and values with a 'workflow'"),
        ("workflow: a\ngrid: {2.value: [1], 2.value: [2]}", "'2.value' is given twice"),
    ],
)
def test_a_file_that_is_no_sweep_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message):
        table.read(file)
    with pytest.raises(ValueError, match="cannot be read"):
        table.read(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("graph", "message"),
    [('{"nodes": [], "links": []}', "Export"), ("[1]", "no graph"), ('{"1": {}}', "no graph")],
)
def test_a_workflow_in_another_form_is_named(tmp_path: Path, graph: str, message: str) -> None:
    file = written(tmp_path)
    (tmp_path / "graph.json").write_text(graph, "utf-8")
    with pytest.raises(ValueError, match=message):
        table.read(file)
