"""BEIR folders, as the evaluation and as the index of OpenSearch read them."""

import json
from functools import partial
from pathlib import Path
from unicodedata import normalize

import pytest
from fuzz.cases import outcome, share
from fuzz.lines import encoded, nfc
from fuzz.texts import damaged, half_texts, seen_texts, texts, unseen_texts
from hypothesis import given
from hypothesis import strategies as st

from kosplade.retrieval.beir import Collection, read_collection
from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch.texts import count_documents, read_documents, read_queries

nfd = partial(normalize, "NFD")
HEADER = "query-id\tcorpus-id\tscore"
names = st.sampled_from(["d1", "d2", "질문", nfd("질문"), "7#1", " a  b", "(1) 100%.pdf", '"', "0", "é", " ", "d1.0"])
optional = st.none() | texts


@st.composite
def collections(draw) -> dict:
    """Parts of a folder that reads without an error."""
    documents = draw(
        st.lists(
            st.tuples(names, optional, optional).filter(lambda d: any(t and t.is_seen for t in d[1:])),
            unique_by=lambda document: document[0],
            min_size=1,
            max_size=4,
        )
    )
    kinds = st.none() | st.sampled_from(["title", "질문", ""])
    queries = draw(
        st.lists(st.tuples(names, seen_texts, kinds), unique_by=lambda query: query[0], min_size=1, max_size=3)
    )
    asked, judged = [query[0] for query in queries], [document[0] for document in documents]
    qrels = draw(
        st.lists(
            st.tuples(st.sampled_from(asked), st.sampled_from(judged), st.integers(-2, 999999999)),
            unique_by=lambda judgement: judgement[:2],
            min_size=1,
            max_size=5,
        )
    )
    return {"documents": documents, "queries": queries, "qrels": qrels}


def expected(parts: dict) -> Collection:
    """What must come of the folder."""
    qrels: dict[str, dict[str, int]] = {}
    for query, document, score in parts["qrels"]:
        qrels.setdefault(query, {})[document] = score
    kept = [query for query in parts["queries"] if query[0] in qrels]
    return Collection(
        document_ids=[document[0] for document in parts["documents"]],
        documents=[
            nfc("\n".join(part.text for part in document[1:] if part and part.is_seen))
            for document in parts["documents"]
        ],
        query_ids=[query[0] for query in kept],
        queries=[nfc(query[1]) for query in kept],
        query_kinds=[query[2] for query in kept],
        qrels={query[0]: qrels[query[0]] for query in kept},
    )


def written(parts: dict, escape: bool) -> dict[str, list[str]]:
    """Lines of the three files."""

    def row(**fields: str | None) -> str:
        return "{" + ", ".join(f'"{k}": {encoded(v, escape)}' for k, v in fields.items() if v is not None) + "}"

    texts_of = [(d[0], *(part.text if part else None for part in d[1:])) for d in parts["documents"]]
    return {
        "corpus.jsonl": [row(_id=id_, title=title, text=text) for id_, title, text in texts_of],
        "queries.jsonl": [row(_id=id_, text=text, kind=kind) for id_, text, kind in parts["queries"]],
        "qrels/test.tsv": [HEADER, *("\t".join(map(str, judgement)) for judgement in parts["qrels"])],
    }


def write(folder: Path, files: dict[str, list[str]], end: str = "\n") -> None:
    (folder / "qrels").mkdir(exist_ok=True)
    for name, lines in files.items():
        (folder / name).write_bytes((end.join(lines) + end).encode())


@share(8)
@given(parts=collections(), escape=st.booleans(), end=st.sampled_from(["\n", "\r\n", "\n\n"]), mark=st.booleans())
def test_a_whole_folder_comes_as_it_is(folder, parts, escape, end, mark):
    files = written(parts, escape)
    if mark:
        files = {name: ["\ufeff" + lines[0], *lines[1:]] for name, lines in files.items()}
    write(folder, files, end)
    assert outcome(lambda: read_collection(folder, "test")) == (expected(parts), None)
    found, message = outcome(lambda: (count_documents(folder / "corpus.jsonl"), read_queries(folder / "queries.jsonl")))
    assert message is None
    assert found == (len(parts["documents"]), {query[0]: nfc(query[1]) for query in parts["queries"]})


_id = '{"_id": "x9", "text": '
not_texts = st.sampled_from(["7", "0", "false", "true", "[]", "{}", "NaN", '["a"]'])
broken = st.one_of(
    st.tuples(
        st.sampled_from(["corpus.jsonl", "queries.jsonl"]),
        st.one_of(
            not_texts.map(lambda value: f"{_id}{value}}}"),
            half_texts.map(lambda text: f"{_id}{json.dumps(text)}}}"),
            unseen_texts.map(lambda text: f"{_id}{json.dumps(text)}}}"),
            not_texts.map(lambda value: f'{{"_id": {value}, "text": "a"}}'),
            half_texts.map(lambda text: f'{{"_id": {json.dumps(text)}, "text": "a"}}'),
            st.sampled_from(
                [
                    '{"_id": "x9"}',
                    '{"_id": "", "text": "a"}',
                    '{"text": "a"}',
                    f'{_id}"a"',
                    f'{_id}"a", "text": "b"}}',
                    "[]",
                    f"{_id}{'[' * 200_000}",
                ]
            ),
        ),
    ),
    not_texts.map(lambda value: ("corpus.jsonl", f'{_id}"a", "title": {value}}}')),
    not_texts.map(lambda value: ("queries.jsonl", f'{_id}"a", "kind": {value}}}')),
    st.sampled_from(
        [
            *("{q}\tx9\t1", "x9\t{d}\t1", "{q}\t{d}\t0.5", "{q}\t{d}\t1e3", "{q}\t{d}\tNaN", "{q}\t{d}", "{q} {d} 1"),
            *("{q}\t{d}\t1\t1", f"{{q}}\t{{d}}\t{'9' * 5000}", "{q}\t{d}\t--1", "{q}\t{d}\t²", "\0", "\t\t"),
            "{q}\t{d}\t\ud800",
        ]
    ).map(lambda line: ("qrels/test.tsv", line)),
)


@share(6)
@given(parts=collections(), one=broken, place=st.integers(0, 9))
def test_a_broken_line_is_named_wherever_it_stands(folder, parts, one, place):
    name, line = one
    files = written(parts, escape=False)
    first = 1 if name.startswith("qrels") else 0
    place = min(max(place, first), len(files[name]))
    line = line.replace("{q}", parts["queries"][0][0]).replace("{d}", parts["documents"][0][0])
    lines = [line.encode("utf-8", "surrogatepass") for line in [*files[name][:place], line, *files[name][place:]]]
    write(folder, files)
    (folder / name).write_bytes(b"\n".join(lines))
    _, message = outcome(lambda: read_collection(folder, "test"))
    assert message is not None
    assert message.startswith(f"{folder / name}:")
    assert f":{place + 1}: " in message or "'x9'" in message or "UTF-8" in message
    if name == "corpus.jsonl":
        assert outcome(lambda: count_documents(folder / name))[1].startswith(f"{folder / name}:")
    if name == "queries.jsonl" and "kind" not in line:
        assert outcome(lambda: read_queries(folder / name))[1].startswith(f"{folder / name}:")


@share(6)
@given(data=st.data(), parts=collections(), name=st.sampled_from(["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"]))
def test_a_damaged_folder_is_read_or_named(folder, data, parts, name):
    write(folder, written(parts, escape=False))
    (folder / name).write_bytes(data.draw(damaged((folder / name).read_bytes())))
    found, message = outcome(lambda: read_collection(folder, "test"))
    if message is None:
        rows = [line for line in (folder / "corpus.jsonl").read_bytes().split(b"\n") if line.strip()]
        assert len(found.documents) == len(rows)
        rows = [line for line in (folder / "qrels/test.tsv").read_text().split("\n")[1:] if line.strip()]
        assert sum(map(len, found.qrels.values())) == len({tuple(row.split("\t")[:2]) for row in rows})
        assert len(list(read_documents(folder / "corpus.jsonl"))) == len(found.documents)
    else:
        assert str(folder) in message


@share(2)
@given(data=damaged("q1 Q0 질문 1 2.5 a\nq1 Q0 d2 2 1.5 a\nq2 Q0 d1 1 0.5 a\n".encode()))
def test_a_damaged_run(folder, data):
    path = folder / "run.trec"
    path.write_bytes(data)
    run, message = outcome(lambda: read_run(path))
    if message is None:
        assert sum(map(len, run.values())) <= len(data.splitlines())
    else:
        assert message.startswith((f"{path}:", f"{path} cannot be read"))
        assert message.endswith("Run: dvc repro -f baselines")


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_folder_in_the_place_of_a_file(tmp_path, name):
    write(tmp_path, {"corpus.jsonl": ['{"_id": "d", "text": "a"}'], "queries.jsonl": ['{"_id": "q", "text": "a"}']})
    (tmp_path / "qrels/test.tsv").write_text(f"{HEADER}\nq\td\t1\n")
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert str(tmp_path / name) in outcome(lambda: read_collection(tmp_path, "test"))[1]


def test_an_id_of_ten_megabytes_makes_no_message_of_ten_megabytes(tmp_path):
    id_ = "가" * 3_500_000
    write(tmp_path, {"corpus.jsonl": [json.dumps({"_id": id_, "text": "a"})] * 2, "queries.jsonl": []})
    (tmp_path / "qrels/test.tsv").write_text(HEADER)
    assert "occurs twice" in outcome(lambda: read_collection(tmp_path, "test"))[1]
    assert outcome(lambda: count_documents(tmp_path / "corpus.jsonl"))[1].startswith(f"{tmp_path / 'corpus.jsonl'}:1: ")
