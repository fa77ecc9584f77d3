"""BEIR folders: what is in them comes as it is, or the line that is broken is named."""

import json
from pathlib import Path
from unicodedata import normalize

import pytest
from fuzz.texts import bad_texts, cases, half_texts, nfc, no_texts, outcome, seen_texts, texts
from hypothesis import given
from hypothesis import strategies as st

from kosplade.retrieval.beir import Collection, read_collection

pytestmark = pytest.mark.full
names = st.sampled_from(
    ["d1", "d2", "질문", normalize("NFD", "질문"), "7#1", " a  b", "(1) 100%.pdf", '"', "0", "é", " ", "d1.0"]
)
Lines = dict[str, list[str]]


@st.composite
def folders(draw) -> tuple[Lines, Collection]:
    """Lines of the three files, and what must come of them."""
    parts = st.tuples(names, st.none() | texts, st.none() | texts)
    documents = draw(
        st.lists(
            parts.filter(lambda d: any(t and t.is_seen for t in d[1:])),
            unique_by=lambda d: d[0],
            min_size=1,
            max_size=4,
        )
    )
    asked = st.tuples(names, seen_texts, st.none() | st.sampled_from(["title", "질문", ""]))
    queries = draw(st.lists(asked, unique_by=lambda query: query[0], min_size=1, max_size=3))
    judged = st.tuples(
        *(st.sampled_from([row[0] for row in rows]) for rows in (queries, documents)), st.integers(-2, 9)
    )
    judgements = draw(st.lists(judged, unique_by=lambda one: one[:2], min_size=1, max_size=5))
    qrels: dict[str, dict[str, int]] = {}
    for query, document, score in judgements:
        qrels.setdefault(query, {})[document] = score
    kept = [query for query in queries if query[0] in qrels]
    escape = draw(st.booleans())

    def row(**fields: str | None) -> str:
        return json.dumps({key: value for key, value in fields.items() if value is not None}, ensure_ascii=escape)

    lines = {
        "corpus.jsonl": [row(_id=i, title=t and t.text, text=b and b.text) for i, t, b in documents],
        "queries.jsonl": [row(_id=id_, text=text, kind=kind) for id_, text, kind in queries],
        "qrels/test.tsv": ["query-id\tcorpus-id\tscore", *("\t".join(map(str, one)) for one in judgements)],
    }
    return lines, Collection(
        document_ids=[document[0] for document in documents],
        documents=[nfc("\n".join(part.text for part in d[1:] if part and part.is_seen)) for d in documents],
        query_ids=[query[0] for query in kept],
        queries=[nfc(query[1]) for query in kept],
        query_kinds=[query[2] for query in kept],
        qrels={query[0]: qrels[query[0]] for query in kept},
    )


_id = '{"_id": "x9", "text": '
broken = st.one_of(
    st.tuples(
        st.sampled_from(["corpus.jsonl", "queries.jsonl"]),
        st.one_of(
            bad_texts.map(lambda value: f"{_id}{value}}}"),
            (no_texts | half_texts.map(json.dumps)).map(lambda value: f'{{"_id": {value}, "text": "a"}}'),
            st.sampled_from(['{"_id": "x9"}', '{"_id": "", "text": "a"}', '{"text": "a"}', f'{_id}"a"', "[]"]),
            st.sampled_from([f'{_id}"a", "text": "b"}}', f"{_id}{'[' * 200_000}"]),
        ),
    ),
    no_texts.map(lambda value: ("corpus.jsonl", f'{_id}"a", "title": {value}}}')),
    no_texts.map(lambda value: ("queries.jsonl", f'{_id}"a", "kind": {value}}}')),
    st.sampled_from(
        [
            *("{q}\tx9\t1", "x9\t{d}\t1", "{q}\t{d}\t0.5", "{q}\t{d}\t1e3", "{q}\t{d}\tNaN", "{q}\t{d}", "{q} {d} 1"),
            *("{q}\t{d}\t1\t1", f"{{q}}\t{{d}}\t{'9' * 5000}", "{q}\t{d}\t--1", "{q}\t{d}\t²", "\0", "\t\t"),
            "{q}\t{d}\t\ud800",
        ]
    ).map(lambda line: ("qrels/test.tsv", line)),
)


def write(folder: Path, files: Lines, end: str) -> None:
    (folder / "qrels").mkdir(exist_ok=True)
    for name, lines in files.items():
        (folder / name).write_bytes((end.join(lines) + end).encode("utf-8", "surrogatepass"))


@cases(150)
@given(
    whole=folders(),
    wrong=st.none() | st.tuples(broken, st.integers(0, 9)),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_a_folder_comes_as_it_is_or_its_broken_line_is_named(folder, whole, wrong, end, mark):
    files, expected = whole
    if wrong is None:
        write(folder, {name: [mark + lines[0], *lines[1:]] for name, lines in files.items()}, end)
        assert outcome(lambda: read_collection(folder, "test")) == (expected, None)
        return
    (name, line), place = wrong
    place = min(max(place, int(name.startswith("qrels"))), len(files[name]))
    line = line.replace("{q}", expected.query_ids[0]).replace("{d}", expected.document_ids[0])
    write(folder, files | {name: [*files[name][:place], line, *files[name][place:]]}, end)
    _, message = outcome(lambda: read_collection(folder, "test"))
    assert message is not None
    assert message.startswith(f"{folder / name}:")
    assert f":{place + 1}: " in message or "'x9'" in message or "UTF-8" in message
