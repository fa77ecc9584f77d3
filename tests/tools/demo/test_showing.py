"""The three views out of an address: judgements, ranks, pruning, differences; what cannot be shown is a sentence."""

import json
import os
import socket
import unicodedata
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from opensearchpy import OpenSearch
from starlette.datastructures import QueryParams
from tools.demo.conftest import ASKED, TEXTS, open_views, write_beir

from kosplade.errors import UserError
from kosplade.paths import PREPARED, export_folder
from kosplade.retrieval.metrics import per_query
from kosplade.retrieval.pruning import prune
from kosplade.tools.demo.__main__ import export_of, named
from kosplade.tools.demo.__main__ import main as demo
from kosplade.tools.opensearch.__main__ import main

PAIR = ("v25.inference_free", "bm25_kiwi")


def asked(**values: object) -> QueryParams:
    return QueryParams(urlencode(values, doseq=True))


def test_judged_hits_ranks_and_quality_of_a_query(loaded):
    shown = loaded.search(asked(q=ASKED[1], c=PAIR))
    first, second = shown["columns"]
    assert [hit["judged"] for hit in first["hits"] if hit["id"] in ("d6", "d7")] == [1] * ("d6" in first["ranks"])
    run = loaded.columns[PAIR[0]].runs((ASKED[1],), 100)
    assert first["ndcg10"] == per_query({ASKED[1]: {"d6": 1, "d7": 0}}, run, "ndcg10")[ASKED[1]] > 0
    assert first["is_first"]
    assert not second["is_first"]
    for hit in second["hits"]:
        assert hit["was"] == first["ranks"].get(hit["id"])
    shared = [hit["id"] for hit in second["hits"] if (hit["was"] or 99) <= 10]
    assert len(shown["chart"]["lines"]) == len(shared) > 1


def test_a_judged_document_beyond_the_hits_is_named_with_its_rank(loaded):
    query = ASKED[0]
    run = loaded.columns[PAIR[0]].runs((query,), 100)[query]
    far = list(run)[10]
    loaded.corpus.judged[query] = {far: 1, "gone": 1}
    try:
        assert loaded.search(asked(q=query, c=PAIR[0]))["columns"][0]["missed"] == [(far, 11), ("gone", None)]
    finally:
        loaded.corpus.judged[query] = {"d0": 1, "d1": 0}


def test_a_query_typed_in_letters_is_the_same_query(loaded):
    one, other = (loaded.search(asked(q=form, c=PAIR)) for form in (ASKED[0], unicodedata.normalize("NFD", ASKED[0])))
    assert one["columns"][0]["ranks"] == other["columns"][0]["ranks"]
    assert other["q"] == ASKED[0]


def test_without_a_query_there_are_examples_and_without_columns_the_usual_ones(loaded):
    shown = loaded.search(asked())
    assert shown["columns"] == []
    assert set(shown["examples"]) < set(ASKED)
    assert shown["names"] == ["v24.inference_free", "v25.inference_free", "bm25_kiwi"]


@pytest.mark.parametrize("reading", ["document", "encoded", "inference_free"])
@pytest.mark.parametrize("ratio", [0.0, 0.3])
def test_pruning_is_that_of_opensearch_and_says_what_is_lost(loaded, reading, ratio):
    whole_1V = loaded.models["v25"].vectors(reading, TEXTS[0])
    kept_1V = prune(whole_1V, ratio)
    (one,) = loaded.inside(asked(text=TEXTS[0], m="v25", max_ratio=ratio, **{"as": reading}))["models"]
    lost = f"{100 * (1 - kept_1V.sum() / whole_1V.sum()):.1f}"
    assert one["figures"] == {"kept": kept_1V.nnz, "all": whole_1V.nnz, "lost": lost}
    assert (kept_1V.nnz < whole_1V.nnz) == (ratio > 0)
    tokens = json.loads(one["tokens"])["query"]["neural_sparse"]["features"]["query_tokens"]
    assert tokens.keys() == {f"p{id_}" for id_ in kept_1V.indices}
    assert np.allclose([tokens[f"p{id_}"] for id_ in kept_1V.indices], kept_1V.data, atol=1e-5)
    kept = [chip["weight"] for chip in one["chips"] if chip["is_kept"]]
    assert len(one["chips"]) == whole_1V.nnz
    assert np.allclose(kept, np.sort(kept_1V.data)[::-1], atol=1e-5)


def test_stopwords_weigh_in_v24_alone_and_expansions_are_told_apart(loaded):
    v24, v25 = loaded.inside(asked(text=TEXTS[0]))["models"]
    assert {"semantic", "stopword"} <= {chip["kind"] for chip in v24["chips"]}
    assert "stopword" not in {chip["kind"] for chip in v25["chips"]}
    assert {chip["in_text"] for chip in v24["chips"]} == {True, False}


def test_a_text_that_is_too_long_is_said_to_be_cut(loaded):
    long = " ".join(TEXTS[:20])
    cuts = [loaded.inside(asked(text=text, m="v25"))["models"][0]["cut"] for text in (TEXTS[0], long)]
    assert cuts == [0, 128]


@pytest.mark.parametrize(("given", "used"), [("0.25", 0.25), ("-1", 0.0), ("2", 0.9), ("nan", 0.0), ("much", 0.0)])
def test_a_ratio_of_a_link_is_kept_in_bounds(loaded, given, used):
    assert loaded.inside(asked(max_ratio=given))["max_ratio"] == used


def test_differences_are_those_of_ndcg10_gains_of_the_first_on_top(loaded):
    shown = loaded.differences(asked(c=("v25.encoded", "bm25_kiwi")))
    of = loaded.corpus.main
    values = []
    for name in shown["names"]:
        by_text = loaded.columns[name].runs(tuple(of.queries), 10)
        run = {id_: by_text[text] for id_, text in zip(of.query_ids, of.queries, strict=True)}
        values.append(per_query(of.qrels, run, "ndcg10"))
    expected = {text: values[0][id_] - values[1][id_] for id_, text in zip(of.query_ids, of.queries, strict=True)}
    differing = {query: difference for query, difference in expected.items() if difference}
    assert {row["query"]: row["difference"] for row in shown["rows"]} == pytest.approx(differing, abs=1e-5)
    ordered = [row["difference"] for row in shown["rows"]]
    assert ordered == sorted(ordered, reverse=True)
    assert sum(shown["counts"].values()) == len(ASKED) > shown["counts"]["equal"]


def test_what_the_stage_eval_left_is_not_searched_again(here, exports):
    for name, folder in exports.items():
        (here / f"huggingface/{name}").mkdir(parents=True)
        (here / f"huggingface/{name}/best").symlink_to(folder)
    write_beir(here / "data/prepared")
    views = open_views(PREPARED, {name: export_folder(name) for name in exports})
    views.corpus.read()
    for thing in views.things:
        thing.done = thing.total
    for name, figure in (("v24", 0.25), ("v25", 0.75)):
        figures = {"split": "test", "ids": views.corpus.main.query_ids, "ndcg10": {"encoded": [figure] * len(ASKED)}}
        (here / f"outputs/eval_{name}").mkdir(parents=True)
        (here / f"outputs/eval_{name}/queries.json").write_text(json.dumps(figures))
    rows = views.differences(asked(c=("v25.encoded", "v24.encoded")))["rows"]
    assert [row["pair"] for row in rows] == [(0.75, 0.25)] * len(ASKED)


# What cannot be shown


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("data/prepared", "data/prepared not found. Run: make repro"),
        ("elsewhere", "elsewhere not found. Name a BEIR folder or a JSONL file: make demo DIR=PATH"),
        ("empty.jsonl", "empty.jsonl: no documents"),
        ("broken.jsonl", "broken.jsonl:1: not valid JSON"),
    ],
)
def test_a_corpus_that_is_none(here, place, sentence):
    (here / "empty.jsonl").touch()
    (here / "broken.jsonl").write_text("{")
    views = open_views(Path(place), {})
    views.load()
    assert views.corpus.error.startswith(sentence)
    assert views.search(asked(q="질문"))["columns"] == []
    assert views.differences(asked())["rows"] is None


def test_a_jsonl_file_is_searched_without_judgements(here):
    (here / "mine.jsonl").write_text('{"_id": "a", "text": "카드 결제"}\n{"_id": "b", "text": "은행"}\n')
    views = open_views(Path("mine.jsonl"), {})
    views.load()
    (column,) = views.search(asked(q="결제"))["columns"]
    assert [hit["id"] for hit in column["hits"]] == ["a"]
    assert column["ndcg10"] is None
    assert views.differences(asked())["rows"] is None


def test_a_broken_export_is_one_sentence_and_the_rest_goes_on(here, exports):
    (here / "broken").mkdir()
    (here / "mine.jsonl").write_text('{"_id": "a", "text": "카드 결제"}\n')
    views = open_views(Path("mine.jsonl"), {"broken": here / "broken", "v25": exports["v25"]})
    views.load()
    broken, whole, _ = views.search(asked(q="결제", c=("broken.encoded", "v25.encoded", "bm25_kiwi")))["columns"]
    assert "not an exported model (no config.json). Run: make convert-v25-hf" in broken["error"]
    assert [hit["id"] for hit in whole["hits"]] == ["a"]


def test_an_unknown_column_of_a_link(loaded):
    (column,) = loaded.search(asked(q=ASKED[0], c="v99.encoded"))["columns"]
    assert not column["is_known"]


def test_before_anything_is_loaded_every_view_says_how_far_it_is(here, exports):
    views = open_views(write_beir(here / "beir"), exports)
    views.corpus.read()
    for shown in (
        *views.search(asked(q=ASKED[0]))["columns"],
        *views.inside(asked(text=ASKED[0]))["models"],
        *views.differences(asked())["tried"],
    ):
        assert shown["thing"].step == "waiting"


def test_a_server_that_is_gone(loaded, exports):
    views = open_views(loaded.corpus.place, exports, url="http://127.0.0.1:9")
    views.corpus, views.models = loaded.corpus, loaded.models
    views.columns["opensearch"].models = list(loaded.models.values())
    (column,) = views.search(asked(q=ASKED[0], c="opensearch"))["columns"]
    assert "127.0.0.1:9: no answer" in column["error"]
    assert "make opensearch-up" in column["error"]


@pytest.mark.full
@pytest.mark.parametrize("how", [("--max-document-length", "128"), ("--chunk", "--max-document-length", "16")])
def test_an_opensearch_finds_what_is_in_it_and_says_why(loaded, exports, opensearch, how):
    index = f"demo-{os.getpid()}"
    of = ("--model", str(exports["v25"]), "--documents", str(loaded.corpus.place / "corpus.jsonl"))
    views = open_views(loaded.corpus.place, {}, opensearch, index)
    views.corpus, views.columns = loaded.corpus, {**loaded.columns, "opensearch": views.columns["opensearch"]}
    views.columns["opensearch"].models = list(loaded.models.values())
    try:
        main(["index", "--url", opensearch, "--index", index, *of, *how])
        remote, local = views.search(asked(q=ASKED[0], c=("opensearch", "v25.inference_free")))["columns"]
        assert remote["error"] == ""
        for one, other in zip(remote["hits"][:3], local["hits"][:3], strict=True):
            weights = {one["piece"]: one["weight"] for one in one["view"]["own"]}
            beside = sum(piece["weight"] for piece in one["view"]["beside"] if "D" in piece["sides"])
            assert sum(weights.values()) + beside == pytest.approx(one["score"], rel=0.01)
            assert one["view"]["text"] in TEXTS[int(one["id"][1:])]
            if "--chunk" not in how:
                assert (one["id"], one["score"]) == (other["id"], pytest.approx(other["score"], rel=0.01))
    finally:
        OpenSearch([opensearch]).indices.delete(index=index, ignore=404)


def test_exports_are_named_by_their_folders_and_two_of_one_name_are_refused():
    folders = {"v25": Path("huggingface/v25/best"), "mine": Path("mine")}
    assert named([*folders.values()]) == folders
    with pytest.raises(UserError, match="both called mine"):
        named([Path("mine"), Path("other/mine")])


def test_a_model_that_is_no_folder_and_no_experiment():
    with pytest.raises(UserError, match=r"--model: no folder, experiment or revision 'nowhere'. Run: dvc exp list -A"):
        export_of("nowhere")


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} .*make demo PORT={port + 1}"):
            demo(["--port", str(port)])
