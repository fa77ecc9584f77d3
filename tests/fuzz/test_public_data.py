"""Imports of public data: as many questions, queries, judgements and documents go in as come out or are counted."""

import gzip
import json
import re

from fuzz.cases import case, outcome, share
from fuzz.lines import nfc
from fuzz.texts import any_texts, damaged, seen_texts, texts
from hypothesis import given
from hypothesis import strategies as st

from kosplade.files import is_blank
from kosplade.retrieval.beir import read_collection
from kosplade.tools.imports.judged import convert_beir, convert_miracl
from kosplade.tools.imports.squad import convert_squad, cut, parse

ROLES = ("corpus", "queries", "qrels")
ids = st.sampled_from(
    ["d1", "d2", "질문", "a b", " d1", "d1 ", "a\tb", "a\nb", "a\u2028b", "", "\u200b", "\ufeffd1", '"']
)
scores = st.sampled_from(
    [1, 0, -1, 1.0, "1", " 2 ", "1.0", "one", None, True, 0.5, 10**400, float("nan"), 1e999, [], "²"]
)
plain_ids = st.sampled_from(["d1", "d2", "질문", "a b", '"'])


def counts(line: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", line)]


@st.composite
def hub(draw) -> dict[str, list[dict]]:
    """Rows of a collection, most of them as they should be."""
    id_ = draw(st.sampled_from([plain_ids, plain_ids, ids]))
    text = draw(st.sampled_from([seen_texts, any_texts]))
    corpus = draw(st.lists(st.fixed_dictionaries({"_id": id_, "title": any_texts, "text": text}), max_size=4))
    queries = draw(st.lists(st.fixed_dictionaries({"_id": id_, "text": text}), max_size=3))
    score = draw(st.sampled_from([st.just(1), scores]))
    known = [st.sampled_from([row["_id"] for row in rows] or ["d1"]) for rows in (queries, corpus)]
    pairs = st.fixed_dictionaries({"query-id": known[0], "corpus-id": known[1], "score": score})
    return {"corpus": corpus, "queries": queries, "qrels": draw(st.lists(pairs, max_size=4))}


@share(6)
@given(parts=hub(), is_packed=st.booleans())
def test_a_collection_of_the_hub(folder, parts, is_packed):
    ending = "jsonl.gz" if is_packed else "jsonl"
    for role, rows in parts.items():
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        (folder / f"{role}.{ending}").write_bytes(gzip.compress(data, 1, mtime=0) if is_packed else data)
    files = {role: (f"{role}.{ending}",) for role in ROLES}
    with case("public collections"):
        said, message = outcome(lambda: convert_beir(folder, files, folder / "beir"))
        if message is not None:
            assert message.startswith((str(folder), "beir: "))
            return
        judged, unjudged, judgements, documents, blank = counts(said)
        assert judged + unjudged == len({nfc(row["_id"]) for row in parts["queries"]})
        assert documents + blank == len(parts["corpus"])
        assert blank == sum(is_blank(row["title"] + row["text"]) for row in parts["corpus"])
        pairs = {(row["query-id"], row["corpus-id"]) for row in parts["qrels"]}
        assert judgements == len(pairs)
        if judged:
            found = read_collection(folder / "beir", "test")
            assert (len(found.queries), len(found.documents)) == (judged, documents)
            assert {(q, d) for q, of in found.qrels.items() for d in of} == {(nfc(q), nfc(d)) for q, d in pairs}


@share(3)
@given(data=st.data(), name=st.sampled_from(["topics", "qrels", "corpus"]))
def test_damaged_miracl(folder, data, name):
    content = {
        "topics": "12\t독도는 어디에 있나요?\n15\t둘째 질문\n".encode(),
        "qrels": b"12\tQ0\t7#1\t1\n12\tQ0\t7#0\t0\n15\tQ0\t7#1\t1\n",
        "corpus": b'{"docid": "7#0", "title": "a", "text": "b"}\n{"docid": "7#1", "title": "", "text": "c"}\n',
    }
    content[name] = data.draw(damaged(content[name]))
    for role, inner in content.items():
        (folder / f"{role}.x").write_bytes(inner)
    (folder / "corpus.jsonl").write_bytes(content["corpus"])
    files = {"topics": ("topics.x",), "qrels": ("qrels.x",), "corpus": ("corpus.jsonl",)}
    with case("damaged MIRACL"):
        said, message = outcome(lambda: convert_miracl(folder, files, folder / "miracl"))
        if message is not None:
            assert message.startswith((str(folder), "miracl: "))
        elif counts(said)[0]:
            found = read_collection(folder / "miracl", "test")
            assert (len(found.queries), len(found.documents)) == (counts(said)[0], counts(said)[3])


@st.composite
def paragraphs(draw) -> dict:
    context = draw(
        st.lists(texts.map(lambda text: text.text) | st.just("서울은 한국의 수도이다. "), max_size=5).map("".join)
    )
    questions = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(context)))
        answer = context[start : start + draw(st.integers(0, 6))] or draw(any_texts)
        answers = draw(st.sampled_from([[{"answer_start": start, "text": answer}]] * 4 + [[]]))
        questions.append({"question": draw(st.sampled_from(["질문?", "또?"]) | any_texts), "answers": answers})
    return {"context": context, "qas": questions}


@share(5)
@given(found=st.lists(paragraphs(), max_size=3), longest=st.integers(1, 60))
def test_every_question_is_a_pair_or_counted(found, longest):
    data = json.dumps({"data": [{"paragraphs": found}]}).encode()
    asked = [question for paragraph in found for question in paragraph["qas"]]
    with case("SQuAD"):
        made, message = outcome(lambda: cut(list(parse(data, "x.json")), longest))
        if message is None:
            assert len(made.pairs) + made.lost + made.unanswered + made.repeated == len(asked)
            assert made.unanswered == sum(not question["answers"] for question in asked)
            assert all(query.strip() and passage in made.passages for query, passage in made.pairs)
        else:
            assert message.startswith("x.json: data[0].paragraphs[")
            texts_of = [paragraph["context"] for paragraph in found] + [question["question"] for question in asked]
            answers = [question["answers"][0]["text"] for question in asked if question["answers"]]
            assert any(map(is_blank, texts_of + answers))


@share(3)
@given(data=st.data())
def test_damaged_squad(folder, data):
    question = {"question": "수도는?", "answers": [{"answer_start": 0, "text": "서울"}]}
    whole = json.dumps(
        {"data": [{"paragraphs": [{"context": "서울은 한국의 수도이다.", "qas": [question]}]}]},
        ensure_ascii=data.draw(st.booleans()),
    ).encode()
    hostile = st.sampled_from(
        [
            b"[" * 200_000,
            b'{"data": ' * 50_000,
            b"9" * 5000,
            b'{"data": NaN}',
            whole.replace(b": 0,", b": 1" + b"0" * 4000 + b","),
        ]
    )
    (folder / "train.json").write_bytes(data.draw(damaged(whole) | hostile))
    (folder / "dev.json").write_bytes(whole)
    files = {"train": ("train.json",), "dev": ("dev.json",)}
    with case("damaged SQuAD"):
        said, message = outcome(lambda: convert_squad(folder, files, folder / "train.jsonl", folder / "squad", 60))
        if message is not None:
            assert message.startswith(f"{folder / 'train.json'}: ")
        else:
            assert sum(counts(said)[:5]) >= 1
