"""The reader of the help pages, on small pages in the form that the wheel has them."""

import zipfile

from kosplade.corpus.sources import help_pages

FAQ = """---
title: '[공지] 관리자 계정은 몇 개까지 추가할 수 있나요? '
tags:
  - 관리자콘솔
---

<Callout content="권한별로 추가할 수 있는 계정의 수를
안내드립니다." title="미리 알아두기" icon="💡" />

#### **계정 추가 경로**

[관리자콘솔 ↗](https://admin.portone.io/merchant)에서 <Highlight text="관리자 계정" />을
추가합니다. (이미지 첨부: 화면)

- \\[계정] 메뉴의 admin 계정은 1개입니다.\\
  다시 만들 수 없습니다.

<details>

<summary>계정을 지우면 내역은 어떻게 되나요?</summary>

내역은 그대로 남습니다.

```ts
const hidden = 1;
```

</details>
"""


def parts(document):
    return [(section.queries, section.text) for section in document.sections]


def test_a_title_that_asks_is_the_query_of_the_first_text_and_a_summary_a_heading():
    document = help_pages.page("help/faq/a.md", FAQ)
    assert (document.key, document.title) == ("help_pages/help/faq/a.md", "")
    assert parts(document) == [
        (
            (("question", "관리자 계정은 몇 개까지 추가할 수 있나요?"),),
            "권한별로 추가할 수 있는 계정의 수를 안내드립니다.",
        ),
        (
            (("heading", "계정 추가 경로"),),
            "관리자콘솔 에서 관리자 계정을 추가합니다.\n계정 메뉴의 admin 계정은 1개입니다. 다시 만들 수 없습니다.",
        ),
        ((("question", "계정을 지우면 내역은 어떻게 되나요?"),), "내역은 그대로 남습니다."),
    ]


def test_any_other_title_stays_the_title_and_short_questions_are_headings():
    document = help_pages.page("a.md", "---\ntitle: 1. 웹훅 연동하기\n---\n## 웹훅이란?\n\n알림을\n보냅니다.\n")
    assert document.title == "웹훅 연동하기"
    assert parts(document)[1:] == [((("heading", "웹훅이란?"),), "알림을 보냅니다.")]


def test_a_page_without_front_matter_has_no_title():
    document = help_pages.page("a.md", "## ✔️ 메뉴가 바뀌었습니다.\n\n새 메뉴를 씁니다.\n\n| 표 | 칸 |\n|---|---|\n")
    assert document.title == ""
    assert parts(document)[1:] == [((("heading", "메뉴가 바뀌었습니다."),), "새 메뉴를 씁니다.")]


def test_collected_pages_interfaces_and_lists_of_links_are_left_out(tmp_path):
    wheel = tmp_path / "wheel.whl"
    names = ("v1-docs-full.md", "v2-docs-full.md", "schema/a.md", "website-links.md", "api/a.md", "sdk/en/a.md")
    kept = ("blog/posts/a.md", "help/a.md", "opi/ko/a.md", "platform/ko/a.md", "release-notes/a.md", "sdk/ko/a.md")
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (*names, *kept, "help/a.txt"):
            archive.writestr(help_pages.ROOT + name, "## 머리말\n\n본문입니다.\n")
    assert [document.name for document in help_pages.read(wheel)] == list(kept)
