"""Records as files: they come back as they were, and nothing else comes back."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from selfguidance.guidance import storage
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record import file as record_file
from selfguidance.guidance.record.record import Record, Step
from selfguidance.guidance.words.table import TokenTable
from selfguidance.tests.unit.guidance.recorded import FAMILY, OTHER, TABLE, equal, run, shown
from torch import Tensor

Facts = dict[str, Any]
Tensors = dict[str, Tensor]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.safetensors"


@pytest.mark.parametrize(
    "record",
    [
        run(TABLE),
        run(TABLE, TABLE, TABLE),
        run(TABLE, OTHER, OTHER, TABLE),
        run(TABLE, replace(TABLE, prompt="another")),
        Record("shapes", tuple(reversed(run(TABLE, TABLE).steps))),
    ],
    ids=["one", "three", "other words on the way", "other prompt on the way", "upwards"],
)
def test_a_record_comes_back_in_every_bit(path: Path, record: Record) -> None:
    record_file.save(path, record)
    assert equal(record_file.load(path), record)


@pytest.mark.parametrize("lacking", ["features", "denoised", "feature_grid"])
def test_what_single_steps_lack_stays_missing(path: Path, lacking: str) -> None:
    whole = run(TABLE, TABLE, TABLE)
    steps = list(whole.steps)
    steps[1] = replace(steps[1], properties=replace(steps[1].properties, **{lacking: None}))
    record = replace(whole, steps=tuple(steps))
    record_file.save(path, record)
    loaded = record_file.load(path)
    assert equal(loaded, record) and not equal(loaded, whole)


def test_every_field_of_a_step_is_in_the_file() -> None:
    """A field that is added to these classes is lost in files until they know it."""
    names = (record_file.ATTRIBUTES.get(name, name) for name in record_file.OPTIONAL)
    saved = {"sigma", "table", "maps", *names}
    assert {field.name for field in fields(Properties) if field.init} == saved
    assert {field.name for field in fields(Step)} == {"properties", "energies", "guided"}
    assert {field.name for field in fields(Record) if field.init} == {"family", "steps"}
    _, facts = record_file.pack(run(TABLE))
    assert {field.name for field in fields(TokenTable) if field.init and field.compare} == set(
        facts["parts"][0]["table"]
    )


def test_the_steps_of_one_prompt_share_tensors_and_table(path: Path) -> None:
    tensors, facts = record_file.pack(run(*[TABLE] * 30))
    assert len(facts["parts"]) == 1 and len(tensors) == len(FAMILY.sites) + 3
    tensors, facts = record_file.pack(run(TABLE, OTHER, OTHER))
    assert [len(part["sigmas"]) for part in facts["parts"]] == [1, 2]


def test_steps_of_higher_precision_are_saved_as_runs_record_them(path: Path) -> None:
    halves = run(TABLE)
    seen = halves.last
    maps = {site: maps.float() for site, maps in seen.maps.items()}
    step = replace(
        halves.steps[0],
        properties=replace(seen, maps=maps, feature_grid=seen.feature_grid.double()),
    )
    record_file.save(path, replace(halves, steps=(step,)))
    assert equal(record_file.load(path), halves)


def test_an_empty_record_is_not_saved(path: Path) -> None:
    with pytest.raises(
        ValueError, match="the record is empty, because its run saw no token table or took no"
    ):
        record_file.save(path, Record("shapes", ()))
    assert not path.exists()


def changed_step(**changes: Any) -> Record:
    record = run(TABLE, TABLE)
    last = replace(record.steps[-1], properties=replace(record.last, **changes))
    return replace(record, steps=(record.steps[0], last))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (replace(run(TABLE), family="?"), "family"),
        (changed_step(sigma=float("nan")), "sigma"),
        (changed_step(denoised=torch.full((2, 8, 11, 12), torch.inf)), "denoised.*NaN or inf"),
        (changed_step(denoised=torch.zeros(2, 8, 11, 13)), "latent columns"),
        (changed_step(maps={FAMILY.sites[0]: shown(0, 1.0).maps[FAMILY.sites[0]]}), "missing"),
        (run(TokenTable("", (), (), 77)), "words"),
    ],
)
def test_what_no_run_records_is_not_saved(path: Path, record: Record, message: str) -> None:
    with pytest.raises(ValueError, match=f"record cannot be saved.*{message}"):
        record_file.save(path, record)
    assert not path.exists()


def part(facts: Facts) -> Facts:
    return facts["parts"][0]


def drop(name: str) -> Callable[[Tensors, Facts], None]:
    return lambda tensors, facts: tensors.__delitem__(name)


def put(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensors, Facts], None]:
    return lambda tensors, facts: tensors.update({name: change(tensors[name]).contiguous()})


def say(**changes: Any) -> Callable[[Tensors, Facts], None]:
    return lambda tensors, facts: part(facts).update(changes)


def tell(**changes: Any) -> Callable[[Tensors, Facts], None]:
    return lambda tensors, facts: part(facts)["table"].update(changes)


MAPS = "0.maps.output.2.0"
SHORT = slice(None, -1)
WRONG: dict[str, tuple[Callable[[Tensors, Facts], Any], str]] = {
    "no family": (lambda t, f: f.pop("family"), "family"),
    "unknown family": (lambda t, f: f.update(family="sd9"), "sd9.*update the pack"),
    "family of other sites": (lambda t, f: f.update(family="sd15"), "output.4.0.*missing"),
    "family as list": (lambda t, f: f.update(family=["shapes"]), "family"),
    "another fact": (lambda t, f: f.update(more=1), "more"),
    "no parts": (lambda t, f: (t.clear(), f.update(parts=[])), "no steps"),
    "unclaimed tensors": (lambda t, f: f.update(parts=[]), "unexpected tensor"),
    "parts as number": (lambda t, f: f.update(parts=3), "parts must be a list"),
    "part as number": (lambda t, f: f.update(parts=[3]), "part 0"),
    "missing part": (lambda t, f: f["parts"].append(part(f)), "1.maps.output.2.0.*missing"),
    "missing maps": (drop(MAPS), "'0.maps.output.2.0' is missing"),
    "another tensor": (lambda t, f: t.update(x=torch.ones(1)), "unexpected tensor 'x'"),
    "axes": (put(MAPS, lambda m: m[0]), "5 axes"),
    "type": (put(MAPS, lambda m: m.float()), "float16.*float32"),
    "fewer steps": (put("0.grid", lambda m: m[SHORT]), "0.grid.*2 steps, got 1"),
    "fewer pictures": (put("0.features", lambda m: m[:, SHORT]), "2 pictures, got 1"),
    "fewer words": (put(MAPS, lambda m: m[:, :, SHORT]), "3 words, got 2"),
    "no rows": (put(MAPS, lambda m: m[:, :, :, :0]), "1 rows"),
    "channels": (put("0.grid", lambda m: m[:, :, SHORT]), "10 feature channels, got 9"),
    "sigma below 0": (say(sigmas=[1.0, -1.0]), "sigma.*at least 0.*-1.0"),
    "sigma as text": (say(sigmas=[1.0, "x"]), "sigma.*x"),
    "sigma as flag": (say(sigmas=[1.0, True]), "sigma.*True"),
    "more sigmas": (say(sigmas=[3.0, 2.0, 1.0]), "steps, got 2"),
    "guided as number": (say(guided=[0, 1]), "guided"),
    "fewer guided": (say(guided=[True]), "guided must have 2"),
    "fewer energies": (say(energies=[{}]), "energies must have 2"),
    "energies as list": (say(energies=[[], []]), "energies"),
    "energies of one picture": (say(energies=[{}, {"a": [1.0]}]), "energy must have 2"),
    "energy as text": (say(energies=[{}, {"a": [1.0, "b"]}]), "energy.*b"),
    "table": (say(table=[]), "token table"),
    "prompt": (tell(prompt=3), "prompt must be text"),
    "half a letter": (tell(prompt="\ud83d"), "prompt must be text"),
    "no words": (tell(words=[], positions=[]), "words"),
    "absurd words": (tell(words=["a"] * 15401), "words must be 1 to 15400"),
    "no length": (tell(length=0), "length"),
    "absurd length": (tell(length=10**9), "length"),
    "fewer positions": (tell(positions=[[1], [2]]), "positions must have 3"),
    "word without position": (tell(positions=[[1], [], [4]]), "positions of a word"),
    "position twice": (tell(positions=[[1], [2, 2], [4]]), "positions of a word"),
    "positions upside down": (tell(positions=[[1], [3, 2], [4]]), "in order"),
    "position below 0": (tell(positions=[[-1], [2], [4]]), "0 to 76"),
    "position above length": (tell(positions=[[1], [2], [77]]), "0 to 76"),
    "position as number": (tell(positions=[1, 2, 3]), "positions of a word"),
    "position as fraction": (tell(positions=[[1.0], [2], [3]]), "positions of a word"),
    "sigmas as number": (say(sigmas=3.0), "sigmas must be a list, got 3.0"),
    "guided as one flag": (say(guided=True), "guided must be a list, got True"),
    "energies of nothing": (say(energies=None), "energies must be a list, got None"),
    "energy as number": (say(energies=[{}, {"a": 1.0}]), "energy must be a list, got 1.0"),
    "sigma as whole number": (say(sigmas=[1.0, 2]), "sigma must be a finite number of at least 0"),
    "energy as whole number": (say(energies=[{}, {"a": [1.0, 2]}]), "finite number, got 2"),
    "word as number": (tell(words=["ein", 2, "kreis"]), "words must be text, got 2"),
    "words as text": (tell(words="ein"), "words must be a list, got ein"),
    "name as number": (tell(named=[3]), "named must be text, got 3"),
    "name of a term": (
        lambda t, f: part(f)["energies"][1].update({"\ud800": [1.0, 1.0]}),
        "the name of a term must be text",
    ),
    "length as flag": (tell(length=True), "length must be 1 to 7700 tokens, got True"),
    "length above the limit": (tell(length=7701), "length must be 1 to 7700 tokens, got 7701"),
    "borders upside down": (tell(borders=[2, 1]), "borders must be from 0 to 3 in order"),
    "a long value": (say(guided=["x" * 99, True]), f"true or false, got {'x' * 40};"),
    "border above words": (tell(borders=[4]), "borders.*0 to 3"),
    "named as text": (tell(named="kreis"), "named"),
}


@pytest.mark.parametrize(("spoil", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_file_that_is_not_as_runs_record_is_refused(
    path: Path, spoil: Callable[[Tensors, Facts], Any], message: str
) -> None:
    tensors, facts = record_file.pack(run(TABLE, TABLE))
    record_file.unpack(tensors, facts)
    spoil(tensors, facts)
    storage.save(path, record_file.KIND, tensors, facts)
    with pytest.raises(ValueError, match=f"'record.safetensors'.*{message}"):
        record_file.load(path)


@pytest.mark.parametrize(
    "table",
    [
        TokenTable("a", ("a",), ((0,),), 1),
        TokenTable("a", ("a",), ((7699,),), 7700, (), (0, 1)),
        TokenTable("a" * 15400, ("a",) * 15400, ((0,),) * 15400, 1),
    ],
    ids=["one word of one token", "the longest text", "the most words"],
)
def test_the_least_and_the_most_that_a_record_may_hold_comes_back(table: TokenTable) -> None:
    words = len(table.words)
    maps = {site: torch.zeros(1, words, 1, 1).half() for site in FAMILY.sites}
    record = Record(FAMILY.name, (Step(Properties(0.0, table, maps)),))
    assert equal(record_file.unpack(*record_file.pack(record)), record)


def test_parts_must_agree_in_what_words_do_not_change(path: Path) -> None:
    tensors, facts = record_file.pack(run(TABLE, OTHER))
    tensors["1.grid"] = tensors["1.grid"][..., :-1]
    with pytest.raises(ValueError, match=r"1\.grid.*14 feature columns, got 13"):
        record_file.unpack(tensors, facts)


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    storage.save(path, "self-guidance head", *record_file.pack(run(TABLE)))
    with pytest.raises(ValueError, match="not a self-guidance record"):
        record_file.load(path)


def test_facts_are_what_json_holds(path: Path) -> None:
    _, facts = record_file.pack(run(TABLE, OTHER))
    assert json.loads(json.dumps(facts)) == facts
