"""Pairs and hard negatives."""

from kosplade.corpus.documents import Document, Passage, Section
from kosplade.corpus.negatives import hard_negatives
from kosplade.corpus.pairs import Pair, build_pairs
from kosplade.records.text import shingles

CANCEL = "당일에는 계좌이체 전체 취소만 가능하며 다음 날부터는 환불로 처리합니다. 환불은 영업일에만 처리합니다."
REFUND = "가상계좌 환불은 입금이 끝난 거래에만 요청할 수 있습니다. 은행 점검 시간에는 환불이 실패합니다."
SPACE = "우리나라 우주 개발의 역사는 짧지만 우주 연구의 전통은 오래입니다. 우주 개발은 미래를 위한 투자입니다."


def _passage(name, title, text, *queries):
    return Passage(text, Document("payments", name, title, (Section(text, queries),)), 0)


def _corpus():
    return [
        _passage(
            "a",
            "계좌이체 취소 API",
            CANCEL,
            ("heading", "주의 사항"),
            ("english", "Cancelling a bank transfer"),
        ),
        _passage(
            "b",
            "가상계좌 환불 API",
            REFUND,
            ("heading", "주의 사항"),
            ("question", "환불은 언제 실패하나요? 점검 시간에도 되나요?"),
        ),
        _passage("c", "세계 우주 대회 축사", SPACE),
    ]


def test_a_repeated_heading_asks_only_together_with_its_title():
    headings = {pair.query: pair.positive for pair in build_pairs(_corpus()) if pair.kind == "heading"}
    assert headings == {"계좌이체 취소 API 주의 사항": CANCEL, "가상계좌 환불 API 주의 사항": REFUND}


def test_titles_questions_and_english_twins_find_their_passage():
    found = {(pair.kind, pair.query): pair.positive for pair in build_pairs(_corpus())}
    assert found["title", "계좌이체 취소 API"] == CANCEL
    assert found["english", "Cancelling a bank transfer"] == CANCEL
    assert found["question", "환불은 언제 실패하나요? 점검 시간에도 되나요?"] == REFUND


def test_titles_that_repeat_are_no_queries():
    twice = [_passage(name, "제3차 국무회의 말씀", text) for name, text in (("a", CANCEL), ("b", REFUND))]
    assert not [pair for pair in build_pairs(twice) if pair.kind == "title"]


def test_a_sentence_is_never_part_of_its_answer():
    text = f"{SPACE} 정부는 우주 개발에 필요한 예산을 꾸준히 늘려 왔습니다."
    found = [pair for pair in build_pairs([_passage("c", "", text)]) if pair.kind == "sentence"]
    assert found
    for pair in found:
        assert pair.query in text
        assert pair.query not in pair.positive
        assert len(pair.positive) == len(text) - len(pair.query) - 1


def test_negatives_are_neither_the_positive_nor_of_its_document_nor_copies():
    first, second, third = _corpus()
    sibling = Passage("계좌이체 취소 회차를 늘려 요청합니다.", first.document, 0)
    copy = _passage("d", "", CANCEL.replace("환불은", "환불도"))
    pairs = [
        Pair("계좌이체 취소 환불", CANCEL, "title", first),
        Pair("English only", SPACE, "english", third),
    ]
    passages = [first, sibling, second, third, copy]
    found = hard_negatives(pairs, passages, 2, {})
    assert found == [[REFUND], []]
    assert len(shingles(CANCEL) & shingles(copy.text)) > 20
    assert hard_negatives(pairs, passages, 0, {}) == [[], []]
