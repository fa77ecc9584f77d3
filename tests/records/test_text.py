"""Korean text: ids, sentences, passages, prose, near-duplicates."""

import unicodedata

import pytest

from kosplade.records.text import Overlap, Seen, bigrams, clean, is_blank, is_prose, passages, sentences, text_id


def test_ids_do_not_depend_on_unicode_form_or_spacing():
    text = "정산을 면제할 수 있는 경우"
    assert text_id(unicodedata.normalize("NFD", text)) == text_id(text) == text_id(f" {text}\u200b\n")
    assert len(text_id(text)) == 16
    assert text_id(text) != text_id(text + "가")


UNSEEN = " \t\r\n\u3000\u00a0\u200b\u200d\u202e\u00ad\ufeff\0\x07\x1c\x85\u2028\u3164\u115f\uffa0\ufffd\ue000"


def test_what_cannot_be_seen_is_blank():
    assert all(map(is_blank, ["", *UNSEEN, UNSEEN]))
    assert not any(is_blank(UNSEEN + seen) for seen in ("가", "é", ".", "\u1112", "\uffa1", "😀"))


def test_cleaning_removes_invisible_characters_and_runs_of_space():
    assert clean("가\xa0\u200b나\r\n\t다") == "가 나 다"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "진심으로 축하합니다.지난 4년 동안 수고했습니다.",
            ["진심으로 축하합니다.", "지난 4년 동안 수고했습니다."],
        ),
        (
            "성장률은 3.5%입니다. 물가는 2. 1% 올랐습니다.",
            ["성장률은 3.5%입니다.", "물가는 2. 1% 올랐습니다."],
        ),
        ("“함께 갑시다.” 그렇게 말했습니다!", ["“함께 갑시다.”", "그렇게 말했습니다!"]),
        ("가. 사용용도는 다음과 같다. 끝", ["가. 사용용도는 다음과 같다.", "끝"]),
        ("첫 줄\n둘째 줄", ["첫 줄", "둘째 줄"]),
    ],
)
def test_sentences(text, expected):
    assert list(sentences(text)) == expected


def test_passages_are_whole_sentences_of_even_length():
    parts = [f"{number}번째 문장은 길이가 비슷하게 이어지는 문장입니다." for number in range(30)]
    found = passages(" ".join(parts), 200)
    assert " ".join(found) == " ".join(parts)
    assert all(120 <= len(text) <= 200 for text in found)


def test_no_passage_reaches_across_a_sentence_that_is_too_long():
    assert passages(f"앞 문장입니다. {'긴' * 90}다. 뒤 문장입니다.", 80) == [
        "앞 문장입니다.",
        "뒤 문장입니다.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "우리 경제가 이만큼 성장하기까지 농업과 농촌의 기여가 매우 컸습니다. 이제 도시가 농촌을 도울 차례입니다.",
        "삼성페이는 삼성 갤럭시 기기에서만 이용 가능합니다. PC 환경에서는 QR코드 결제를 지원합니다.",
        "위탁연구개발기관은 성과를 소유할 수 없으나 상호 협약에 따라 우선적으로 실시할 수 있음",
    ],
)
def test_prose(text):
    assert is_prose(text)


@pytest.mark.parametrize(
    "text",
    [
        "전문기관 과제지원 연구비 소관부처 전문기관 과제지원 연구비 소관부처 한국연구재단 농림식품기술기획평가원",
        "| **고객 경험** | 매번 카드 정보 입력 or 앱 카드 인증 | **최초 1회만 입력**, 이후 자동으로 결제합니다. |",
        "mchtId + mchtTrdNo + trdDt + trdTm + bankCd + custAcntNo + trdAmt(평문) + hashKey",
        "구매자 -> 가맹점 : 1. 결제 요청 가맹점 -> 헥토파이낸셜 : 2. 채번 API 호출 은행 -> 헥토파이낸셜 : 6. 입금 확인",
        "제1장 총칙 ........ 3 제2장 연구개발비의 사용 ........ 12 제3장 정산 .... 27",
        "We welcome their decision and hope that many more will follow. There is a new kind of edge in Korea.",
        "2019 1,204 3,388 2020 1,377 3,412 2021 1,501 3,901 합계는 위와 같습니다.",
    ],
)
def test_tables_code_and_foreign_text_are_no_prose(text):
    assert not is_prose(text)


def test_near_duplicates_are_found_across_other_cuts_and_spacing():
    seen = Seen()
    assert seen.is_new("연구개발기관의 장은 연구개발비를 사용용도와 사용기준에 맞게 사용하여야 한다.")
    assert seen.is_new("중앙행정기관의 장은 연구개발과제를 공모하여야 하며 그 절차를 미리 알려야 한다.")
    assert not seen.is_new("연구개발 기관의 장은 연구개발비를 사용 용도와 사용기준에 맞게 사용하여야 한다")
    assert not seen.is_new(
        "사용용도와 사용기준에 맞게 사용하여야 한다. 중앙행정기관의 장은 연구개발과제를 공모하여야 하며"
    )
    assert seen.is_new("오늘 이 자리에 참석하신 농업인 여러분께 깊은 경의를 표합니다.")


def test_rare_bigrams_weigh_more_in_the_overlap():
    overlap = Overlap(["연구 정산", "연구 환수", "연구 협약"])
    assert bigrams("연구비 A") == ["연구", "구비", "a"]
    assert overlap.share("연구 정산", "정산 안내") > 0.5 > overlap.share("연구 정산", "연구 안내") > 0
