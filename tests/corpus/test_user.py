"""A user's records: what is held out, what is written, and that the user's files are only read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kosplade.corpus.user import hold_out, prepare_user
from kosplade.errors import UserError
from kosplade.params import load_params
from kosplade.records.record import read_records, training_files
from kosplade.records.training import pair_numbers

ROOT = Path(__file__).parents[2]
DATA = load_params(ROOT / "params.yaml").data


def user_folder(folder, count=40):
    folder.mkdir(exist_ok=True)
    rows = [{"query": f"질문 {n}", "positive": f"답은 {n}입니다.", "negative": "아닙니다."} for n in range(count)]
    write(folder / "train_mine.jsonl", rows)
    return folder


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def prepare(folder, target, **values):
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    files = training_files(folder)
    return prepare_user(folder, target, files, pair_numbers(files), DATA.model_copy(update=values))


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_part_is_held_out_and_the_users_files_stay(tmp_path):
    mine, target = user_folder(tmp_path / "mine"), tmp_path / "prepared"
    before = contents(mine)
    passages, kept_out = prepare(mine, target, val_queries=5, max_passages=12)
    assert (passages, len(kept_out)) == (5 + 12, 10)
    assert contents(mine) == before
    assert len({record.query for record in read_records(target / "val.jsonl")}) == 5
    assert sorted(contents(target)) == ["corpus.jsonl", "qrels/val.tsv", "queries.jsonl", "val.jsonl"]
    first = contents(target)
    prepare(mine, target, val_queries=5, max_passages=12)
    assert contents(target) == first
    assert prepare(mine, target, val_queries=8, max_passages=0)[0] == 40


def test_a_validation_file_of_the_user_is_used_as_it_is(tmp_path):
    mine, target = user_folder(tmp_path / "mine"), tmp_path / "prepared"
    given = [{"query": "질문 3", "positive": "다른 답"}, {"query": "새 질문", "positive": "답은 7입니다."}]
    write(mine / "val.jsonl", given)
    passages, _ = prepare(mine, target, max_passages=0)
    assert passages == 2 + 38
    assert [(r.query, r.positive) for r in read_records(target / "val.jsonl")] == [tuple(r.values()) for r in given]


def faq(answers, questions, *, seed=0):
    """uint64 [answers * questions, 2] in any order."""
    rng = np.random.default_rng(seed)
    answer_N = np.repeat(rng.integers(1 << 60, size=answers, dtype=np.uint64), questions)
    pairs_N2 = np.stack([rng.integers(1 << 60, size=len(answer_N), dtype=np.uint64), answer_N], axis=1)
    return rng.permutation(pairs_N2)


@pytest.mark.parametrize(
    ("wanted", "held"),
    [(None, 25), (20, 20), (30, 25), (60, 50), (300, 300)],
)
def test_whole_answers_of_support_data_are_held_out(wanted, held):
    """12 answers with 25 questions each; where none fits, questions of one."""
    pairs_N2 = faq(12, 25)
    held_N = hold_out(pairs_N2, wanted)
    assert held_N.sum() == held
    touched = np.isin(pairs_N2[:, 1], pairs_N2[held_N, 1])
    assert touched.sum() == -(-held // 25) * 25  # what training loses


def test_distinct_answers_are_held_out_one_by_one_whatever_their_order():
    pairs_N2 = faq(500, 1)
    assert hold_out(pairs_N2, 40).sum() == 40
    assert hold_out(pairs_N2, None).sum() == 50
    assert hold_out(faq(10_000, 1), None).sum() == 300
    order = np.random.default_rng(1).permutation(500)
    assert (hold_out(pairs_N2[order], 40) == hold_out(pairs_N2, 40)[order]).all()


def test_every_answer_of_a_held_out_query_is_held_out():
    pairs_N2 = np.array([[1, 10], [1, 99], [2, 50], [3, 60]], dtype=np.uint64)
    assert hold_out(pairs_N2, 1).tolist() == [True, True, False, False]


def test_an_empty_validation_file_is_named(tmp_path):
    mine = user_folder(tmp_path / "mine")
    (mine / "val.jsonl").touch()
    with pytest.raises(UserError, match=r"val\.jsonl holds no record"):
        prepare(mine, tmp_path / "prepared")


def test_holding_out_everything_says_what_to_lower(tmp_path):
    with pytest.raises(UserError, match=r"4 records .* Lower data\.val_queries, or set it to null"):
        prepare(user_folder(tmp_path / "mine", count=4), tmp_path / "prepared", val_queries=5)
