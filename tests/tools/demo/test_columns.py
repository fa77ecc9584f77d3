"""What a column finds is what the stage eval finds, and what is marked adds up to its scores."""

import json

import numpy as np
import pytest
from tools.demo.conftest import ASKED, HYBRID_WEIGHT, PARAMS, TEXTS, open_views, write_beir

from kosplade.retrieval.hybrid import HYBRIDS, LEXICAL, hybrid_run
from kosplade.retrieval.reference import Baselines
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import load_export
from kosplade.tools.demo import columns
from kosplade.tools.demo.columns import Model
from kosplade.tools.demo.shelf import NotReady

WAYS = ("inference_free", "encoded")


def approx(run: dict[str, float]) -> dict[str, float]:
    return pytest.approx(run, rel=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["v24", "v25"])
def test_a_column_finds_what_the_export_finds(loaded, exports, name, way):
    lengths = {
        "max_query_length": PARAMS.model.max_query_length,
        "max_document_length": PARAMS.model.max_document_length,
    }
    served = load_export(exports[name], **lengths)
    documents_NV = served.documents(TEXTS, "")
    queries_QV = served.inference_free(ASKED) if way == "inference_free" else served.encoded(ASKED, "")
    expected = to_run(ASKED, loaded.corpus.main.document_ids, *search(queries_QV, documents_NV, 10))
    found = loaded.columns[f"{name}.{way}"].runs(ASKED, 10)
    assert {query: list(run) for query, run in found.items()} == {query: list(run) for query, run in expected.items()}
    assert all(found[query] == approx(expected[query]) for query in ASKED)


def test_bm25_is_the_baseline_of_the_stage_eval(loaded):
    settings = {"k1": PARAMS.eval.bm25_k1, "b": PARAMS.eval.bm25_b, "names": ["bm25_kiwi"]}
    baselines = Baselines(TEXTS, [[0]] * len(TEXTS), None, None, **settings)
    found = baselines.search(ASKED, [[0]] * len(ASKED), 10, "queries")["bm25_kiwi"]
    expected = to_run(ASKED, loaded.corpus.main.document_ids, found.ids_QK, found.scores_QK)
    assert loaded.columns["bm25_kiwi"].runs(ASKED, 10) == expected


def test_morphemes_are_found_once_for_a_corpus(here, monkeypatch):
    place = write_beir(here / "beir")

    def run():
        views = open_views(place, {})
        views.corpus.read()
        views.lexical.open()
        return views.lexical.runs(ASKED, 10)

    first = run()
    monkeypatch.setattr(columns, "write_json", lambda *_: pytest.fail("found again"))
    assert run() == first
    with (place / "corpus.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps({"_id": "new", "text": TEXTS[0]}) + "\n")
    with pytest.raises(pytest.fail.Exception, match="found again"):
        run()


@pytest.mark.parametrize(("name", "way"), HYBRIDS.items())
def test_a_hybrid_weighs_as_its_export_says(loaded, name, way):
    sparse, lexical = (loaded.columns[part].runs(ASKED, 20) for part in (f"v25.{way}", LEXICAL))
    runs = {weight: hybrid_run(sparse, lexical, weight, 20) for weight in (0.5, HYBRID_WEIGHT[way])}
    assert loaded.columns[f"v25.{name}"].runs(ASKED, 20) == runs[HYBRID_WEIGHT[way]] != runs[0.5]


@pytest.mark.parametrize(
    "name", ["v24.inference_free", "v24.encoded", "v25.inference_free", "v25.encoded", "bm25_kiwi"]
)
def test_what_is_marked_and_what_stands_beside_adds_up_to_the_score(loaded, monkeypatch, name):
    monkeypatch.setattr(columns, "MOST_BESIDE", 10_000)
    column = loaded.columns[name]
    for query, run in column.runs(ASKED[:3], 5).items():
        for id_, score in run.items():
            view = column.explain(query, id_)
            weights = {one["piece"]: one["weight"] for one in view["own"]}
            beside = {one["piece"]: one["weight"] for one in view["beside"] if "D" in one["sides"]}
            assert view["text"] == TEXTS[int(id_[1:])]
            assert not weights.keys() & beside.keys()
            assert sum(weights.values()) + sum(beside.values()) == pytest.approx(score, rel=1e-4)


def test_beside_says_which_side_has_a_piece_from_the_model_alone(loaded):
    column, query = loaded.columns["v24.encoded"], ASKED[0]
    tokens = column.model.served.tokenizer
    of_query = set(tokens.tokenize(query))
    sides = set()
    for id_ in column.runs((query,), 10)[query]:
        view = column.explain(query, id_)
        of_text = {one["piece"] for one in view["own"]}
        for one in view["beside"]:
            assert one["sides"] == [s for s, own in (("Q", of_query), ("D", of_text)) if one["piece"] not in own]
            sides |= {*one["sides"]}
    assert sides == {"Q", "D"}


def test_a_syllable_of_two_morphemes_is_marked_once(loaded):
    for row in range(20):
        own = loaded.lexical.explain(ASKED[0], f"d{row}")["own"]
        ends = [0, *(place for one in own for place in (one["start"], one["end"]))]
        assert ends == sorted(ends)


def test_vectors_are_made_once_for_an_export_and_a_corpus(here, exports, monkeypatch):
    place = write_beir(here / "beir")

    def vectors():
        model = open_views(place, {"v25": exports["v25"]}).models["v25"]
        for step in (model.corpus.read, model.open, model.encode):
            step()
        return model.documents_NV

    first = vectors()
    assert len(list(here.glob("outputs/demo/*.npz"))) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Model, "_parts", lambda self: pytest.fail("encoded again"))
        assert (vectors() != first).nnz == 0
    with (place / "corpus.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps({"_id": "new", "text": TEXTS[0]}) + "\n")
    second = vectors()
    assert np.allclose(second[: len(TEXTS)].toarray(), first.toarray(), atol=1e-5)
    assert np.allclose(second[len(TEXTS)].toarray(), first[0].toarray(), atol=1e-5)
    assert len(list(here.glob("outputs/demo/*.npz"))) == 2


def test_what_is_encoded_can_be_searched_and_is_kept_when_the_page_is_stopped(here, exports):
    place = write_beir(here / "beir")

    def opened():
        views = open_views(place, exports)
        views.corpus.read()
        views.models["v25"].open()
        return views, views.models["v25"], views.columns["v25.inference_free"]

    views, model, column = opened()
    with pytest.raises(NotReady):
        column.runs(ASKED, 5)
    views.corpus.stopped.set()  # while the first part is encoded
    model.encode()
    assert model.done == model.documents_NV.shape[0] == columns.SMALLEST_PART < len(TEXTS)
    found = {id_ for run in column.runs(ASKED, 60).values() for id_ in run}
    assert "d0" in found
    assert max(int(id_[1:]) for id_ in found) < columns.SMALLEST_PART
    _, other, column = opened()
    other.encode()
    assert other.is_ready
    assert (other.documents_NV[: model.done] != model.documents_NV).nnz == 0
    assert max(int(id_[1:]) for run in column.runs(ASKED, 60).values() for id_ in run) >= columns.SMALLEST_PART
