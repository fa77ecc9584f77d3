"""What makes two figures comparable: stable hashes, and the reason where they differ."""

import dataclasses

import pytest

from kosplade.params import load_params
from kosplade.retrieval.basis import baseline_basis, collection_basis, why_not_comparable
from kosplade.retrieval.beir import Collection

ONE = Collection(["d1", "d2"], ["하나", "둘"], ["q1"], ["무엇?"], [None], {"q1": {"d1": 1}})


def test_equal_collections_have_an_equal_basis_on_every_machine():
    assert collection_basis({"val": ONE}) == {"documents": "364375a1074b", "val": "76ffdb8bd71f"}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"documents": ["하나", "셋"]}, {"documents"}),
        ({"document_ids": ["d1", "d3"]}, {"documents"}),
        ({"queries": ["누구?"]}, {"val"}),
        ({"query_ids": ["q2"]}, {"val"}),
        ({"qrels": {"q1": {"d1": 2}}}, {"val"}),
        ({"query_kinds": ["keyword"]}, set()),
    ],
)
def test_whatever_decides_a_figure_changes_the_basis(change, differs):
    before, after = (collection_basis({"val": one}) for one in (ONE, dataclasses.replace(ONE, **change)))
    assert {key for key in before if before[key] != after[key]} == differs


def test_each_baseline_has_what_decides_it(tmp_path):
    params = load_params()
    (tmp_path / "one.json").write_text("{}")
    (tmp_path / "other.json").write_text("{ }")
    before = baseline_basis(params, tmp_path / "one.json")
    other = baseline_basis(params, tmp_path / "other.json")
    assert {name for name in before if before[name] != other[name]} == {"bm25"}
    assert before["bm25_kiwi"].startswith("k1 1.2, b 0.75, ")
    assert "'query: '" in before["dense"]


@pytest.mark.parametrize(
    ("base", "now", "reason"),
    [
        ({"documents": "a", "val": "b"}, {"documents": "a", "val": "b", "dense": "x"}, None),
        ({"documents": "a", "val": "b"}, {"documents": "c", "val": "d"}, "another collection: not compared"),
        ({"documents": "a", "val": "b"}, {"documents": "a"}, "other queries or judgements: not compared"),
        (None, {"documents": "a"}, "the base records no basis: not compared"),
        ({"documents": "a"}, {}, "this run records no basis: not compared"),
    ],
)
def test_the_first_difference_is_the_reason(base, now, reason):
    assert why_not_comparable(base, now, ("documents", "val")) == reason


def test_settings_are_shown_on_both_sides():
    said = why_not_comparable({"depth": 100, "dense": "a"}, {"depth": 200, "dense": "b"}, ("depth", "dense"))
    assert said == "another eval.depth (100; now 200): not compared"
