"""Tiny Korean data in the very forms that the public sets have."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet

SENTENCES = (
    "세종대왕은 조선의 네 번째 임금으로 한글을 만들었다.",
    "그는 1443년에 훈민정음을 완성하였다.",
    "집현전 학자들이 그를 도와 해례본을 썼다.",
)
SEJONG = f"{SENTENCES[0]} {SENTENCES[1]}{SENTENCES[2]}"  # Wikipedia often lost the space between two sentences
SEJONG_CUT = (f"{SENTENCES[0]} {SENTENCES[1]}", SENTENCES[2])  # at most 60 characters
HANGANG = "한강은 태백산맥에서 시작하여 서울을 지나 황해로 흐르는 강이다."
DOKDO = "독도는 울릉도에서 동쪽으로 약 87킬로미터 떨어져 있는 섬이다."


def question(query: str, answer: str, context: str, **more: object) -> dict:
    """A question of KorQuAD; KLUE has `guid` for `id` and more fields."""
    return {
        "id": "1-0-0",
        "question": query,
        "answers": [{"answer_start": context.index(answer), "text": answer}],
    } | more


def squad(*paragraphs: tuple[str, list[dict]]) -> bytes:
    """A file of SQuAD's form, every paragraph an article of its own, as escaped ASCII like KorQuAD."""
    articles = [{"paragraphs": [{"qas": qas, "context": context}], "title": "제목"} for context, qas in paragraphs]
    return json.dumps({"version": "KorQuAD_v1.0_dev", "data": articles}).encode()


def train() -> bytes:
    """Four questions: one of the first passage, one of the second, one without an answer, one whose text is in dev."""
    none = {"guid": "klue-mrc-v1_train_00001", "question": "세조는?", "is_impossible": True, "answers": []}
    asked = [
        question("한글을 만든  임금은?", "세종대왕", SEJONG),
        question("해례본을 쓴 사람은?", "집현전 학자들", SEJONG),
    ]
    return squad(
        (SEJONG, [*asked, none]), (HANGANG, [question("한강이 흘러드는 바다는?", "황해", HANGANG)]), (DOKDO, [])
    )


def dev() -> bytes:
    """Two questions on two paragraphs; the first paragraph is also in `train`."""
    asked = [question("서울을 지나는 강은?", "한강", HANGANG)]
    return squad((HANGANG, asked), (DOKDO, [question("독도는 어느 섬의 동쪽에 있나?", "울릉도", DOKDO)]))


def jsonl(*rows: dict) -> bytes:
    """JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def gz(*rows: dict) -> bytes:
    """Gzipped JSON Lines, the same bytes every time."""
    return gzip.compress(jsonl(*rows), mtime=0)


def parquet(*rows: dict) -> bytes:
    """A Parquet file."""
    packed = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(list(rows)), packed)
    return packed.getvalue()


BEIR = {
    "corpus": [{"_id": "d1", "title": "한강", "text": HANGANG}, {"_id": "d2", "title": "", "text": DOKDO}],
    "queries": [{"_id": "q1", "text": "한강은 어디로 흐르나요?"}, {"_id": "q2", "text": "훈련 질문"}],
    "qrels": [{"query-id": "q1", "corpus-id": "d1", "score": 1.0}],
}
MIRACL = {
    "topics.tsv": "12\t독도는 어디에 있나요?\n15\t판정이 없는 질문\n".encode(),
    "qrels.tsv": b"12\tQ0\t7#1\t1\n12\tQ0\t7#0\t0\n",
    "docs-0.jsonl.gz": gz(
        {"docid": "7#0", "title": "독도", "text": HANGANG}, {"docid": "9#0", "title": "", "text": " "}
    ),
    "docs-1.jsonl.gz": gz({"docid": "7#1", "title": "독도", "text": DOKDO}),
}
