"""No text of validation or test is in what training learns from, whatever its case, spacing, signs or invisible marks.

The evaluation corpus may hold every passage: what is asked for, and what answers it, is what training may not see.
"""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kosplade.corpus.queries import HELD_OUT
from kosplade.params import load_params
from kosplade.records.arrow import open_triplets
from kosplade.records.record import read_records, training_files
from kosplade.records.text import shingles
from kosplade.stages import idf, prepare, teacher

ROOT = Path(__file__).parents[2]
QUESTION, ANSWER = "API 키는 어디서 바꾸나요", "관리자 화면의 API 설정에서 키를 바꿉니다."
DISGUISES = {
    "as it is": lambda text: text,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "full width": lambda text: text.replace("API", "ＡＰＩ"),
    "lower case": str.lower,
    "spaces": lambda text: "  ".join(text.replace(" ", "")) + "\u3000",
    "no spaces": lambda text: text.replace(" ", ""),
    "signs": lambda text: f"“{text.rstrip('.')}”!?",
    "invisible marks": lambda text: "\ufeff" + "\u200b".join(text) + "\u2060",
}


def bare(text: str) -> str:
    """Only letters and digits, lower case; a second way to write it, so that no mistake is made twice."""
    visible = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c)[0] not in "CZMPS")
    return visible.casefold()


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def forbidden(embedded):
    """Every val and test query and every passage judged for one: {bare text: text}."""
    data = embedded.root / "data/prepared"
    corpus = {row["_id"]: row["text"] for row in rows(data / "corpus.jsonl")}
    asked = {row["_id"]: row["text"] for row in rows(data / "queries.jsonl")}
    texts = []
    for split in HELD_OUT:
        for line in (data / f"qrels/{split}.tsv").read_text().splitlines()[1:]:
            query, passage, _ = line.split("\t")
            texts += [asked[query], corpus[passage]]
    texts += [text for row in rows(data / "val.jsonl") for text in (row["query"], row["positive"])]
    assert set(asked.values()) < set(texts)
    assert len(set(texts)) > 1500
    return {bare(text): text for text in texts}


def assert_unseen(texts, forbidden):
    """`texts` is some thousand; one of them that equals a forbidden one would fail this."""
    texts = set(texts)
    assert len(texts) > 2000
    assert not [text for text in texts if bare(text) in forbidden]
    some = next(iter(forbidden.values()))
    assert bare(f"\ufeff {unicodedata.normalize('NFD', some).upper()}\u200b?! ") in forbidden


def test_no_held_out_text_is_in_the_training_files_or_the_memory_mapped_records(embedded, forbidden):
    files = training_files(embedded.root / "data/prepared")
    for records in (
        [record for file in files for record in read_records(file)],
        list(open_triplets(embedded.root / "data/train.arrow")),
    ):
        assert_unseen((record.query for record in records), forbidden)
        assert_unseen((record.positive for record in records), forbidden)
        assert_unseen((text for record in records for text in record.negatives), forbidden)


def test_idf_counts_no_held_out_text(embedded, forbidden, monkeypatch):
    monkeypatch.chdir(embedded.root)
    assert_unseen(idf.documents(0, len(open_triplets(idf.TRIPLETS))), forbidden)


def test_the_teacher_is_given_no_held_out_text(embedded, forbidden, monkeypatch):
    given = {"dense": set(), "morphemes": set()}

    class Dense:
        """Takes down what it is asked to encode."""

        dimensions = 1

        def __init__(self, params):
            pass

        def queries(self, texts, label):
            given["dense"].update(texts)
            return np.zeros((len(texts), 1), dtype=np.float32)

        documents = queries

    def analyse(texts, label):
        given["morphemes"].update(texts)
        return [["형태소"]] * len(texts)

    monkeypatch.chdir(embedded.root)
    monkeypatch.setattr(teacher, "DenseEncoder", Dense)
    monkeypatch.setattr(teacher, "Morphemes", lambda: analyse)
    monkeypatch.setattr(teacher, "save_rows", lambda folder, name, rows_NT: isinstance(rows_NT, csr_matrix))
    teacher.body(load_params(ROOT / "params.yaml"))
    assert given["dense"] == given["morphemes"]
    assert_unseen(given["dense"], forbidden)


def test_no_training_text_contains_a_judged_passage_or_most_of_it(embedded, forbidden):
    """Equal texts are not all: of no judged passage are three quarters of all runs of ten letters in one text."""
    records = list(open_triplets(embedded.root / "data/train.arrow"))
    trained = {text for r in records for text in (r.query, r.positive, *r.negatives)}
    everything = "\0".join(map(bare, trained))
    judged = [text for key, text in forbidden.items() if len(key) >= 40]  # a long query too
    assert not [text for text in judged if bare(text) in everything]
    held = [shingles(text) for text in judged]
    where = {}
    for number, mine in enumerate(held):
        for shingle in mine:
            where.setdefault(shingle, []).append(number)
    for text in trained:
        shared = np.bincount([n for s in shingles(text) for n in where.get(s, ())], minlength=len(held))
        worst = int(np.argmax(shared / [len(mine) for mine in held]))
        assert shared[worst] < 0.75 * len(held[worst]), (text, judged[worst])


@pytest.fixture
def user(tmp_path, monkeypatch):
    """Runs the stage prepare on a user's records and validation (if any); gives what training then reads."""
    monkeypatch.chdir(tmp_path)
    Path("data/v24.0").mkdir(parents=True)
    params = load_params(ROOT / "params.yaml")

    def run(train, val=(), val_queries=1):
        for name, found in (("train_mine.jsonl", train), ("val.jsonl", val)):
            if found:
                lines = (json.dumps(row, ensure_ascii=False) for row in found)
                Path("data/v24.0", name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        data = params.data.model_copy(update={"source": "user", "val_queries": val_queries})
        prepare.body(params.model_copy(update={"data": data}))
        return list(open_triplets(prepare.TRIPLETS))

    return run


def free(number):
    return {"query": f"다른 질문 {number}", "positive": f"다른 답 {number}", "negative": f"다른 오답 {number}"}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_users_overlap_is_reported_with_its_place_and_removed(user, capsys, disguise):
    change = DISGUISES[disguise]
    train = [
        free(0),
        free(1) | {"negative": [change(ANSWER), "오답"]},
        free(2) | {"query": change(QUESTION)},
        free(3) | {"positive": change(ANSWER)},
        free(4) | {"positive": change(QUESTION)},
        free(5),
    ]
    records = user(train, val=[{"query": QUESTION, "positive": ANSWER}])
    said = capsys.readouterr().out
    assert "3 records are held out, or repeat text that is" in said
    assert "(first: data/v24.0/train_mine.jsonl:3)" in said
    assert "1 negatives repeat text that is held out" in said
    assert "(first: data/v24.0/train_mine.jsonl:2)" in said
    assert [record.query for record in records] == [free(n)["query"] for n in (0, 1, 5)]
    assert records[1].negatives == ("오답",)
    assert list(idf.documents(0, len(records))) == [free(n)["positive"] for n in (0, 1, 5)]
    assert rows(Path("data/v24.0/train_mine.jsonl")) == train  # the user's own file stays


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_copy_of_a_held_out_question_is_held_out_too(user, disguise):
    """Two questions, each a second time in disguise with another answer: one question goes with both its answers."""
    pairs = [{"query": f"{QUESTION} {n}", "positive": f"{ANSWER} {n}"} for n in (1, 2)]
    copies = [
        {"query": DISGUISES[disguise](pair["query"]) + "!", "positive": f"또 다른 답 {n}"}
        for n, pair in enumerate(pairs)
    ]
    records = user([*pairs, *copies])
    held = [bare(unicodedata.normalize("NFKC", row["query"])) for row in rows(Path("data/prepared/val.jsonl"))]
    assert len(held) == len(records) == 2
    assert len(set(held)) == 1
    assert not {bare(record.query) for record in records} & set(held)


def test_only_what_is_held_out_is_reported_where_nothing_overlaps(user, capsys):
    assert len(user([free(n) for n in range(6)], val_queries=2)) == 4
    said = capsys.readouterr().out
    assert said.count("first:") == 1
    assert "2 records are held out" in said


def test_texts_of_signs_alone_are_not_all_the_same(user):
    assert len(user([free(0) | {"query": "!!"}, free(1)], val=[{"query": "??", "positive": ANSWER}])) == 2
