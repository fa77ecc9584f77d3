"""Cutting a text where its pieces begin and end."""

import pytest

from kosplade.report.page.tokens import stretches, token_views


def piece(name: str, start: int, end: int, weight: float, kind: str = "semantic") -> dict:
    return {"piece": name, "start": start, "end": end, "weight": weight, "kind": kind}


@pytest.mark.parametrize(
    ("text", "pieces", "expected"),
    [
        (
            "환불은 언제?",
            [piece("▁환불", 0, 2, 2.0), piece("은", 2, 3, 1.0, "stopword"), piece("▁언제", 4, 6, 0.5)],
            [
                ("환불", 1.0, "semantic"),
                ("은", 0.5, "stopword"),
                (" ", 0, ""),
                ("언제", 0.25, "semantic"),
                ("?", 0, ""),
            ],
        ),
        # empty and silent pieces
        (
            "가나다",
            [piece("▁", 0, 0, 3.0), piece("가", 0, 1, 0.0), piece("나다", 1, 3, 2.0)],
            [("가", 0, ""), ("나다", 2 / 3, "semantic")],
        ),
        ("가나다", [], [("가나다", 0, "")]),
        ("", [], []),
    ],
)
def test_a_text_is_cut_where_its_pieces_begin_and_end(text, pieces, expected):
    found = stretches({"text": text, "own": pieces, "top": []})
    assert [(one.text, one.share, one.kind) for one in found] == expected


def test_shares_are_of_the_largest_weight_of_the_vector():
    top = [
        {"piece": "▁반환", "weight": 4.0, "kind": "semantic", "in_text": False},
        {"piece": "▁환불", "weight": 1.0, "kind": "semantic", "in_text": True},
    ]
    view = {"text": "환불", "own": [piece("▁환불", 0, 2, 1.0)], "top": top}
    assert stretches(view)[0].share == 0.25
    assert stretches(view)[0].note == "▁환불 1.00, semantic"


def test_views_are_paired_by_text_in_the_order_of_the_new_experiment():
    def views(*texts: str) -> list[dict]:
        return [{"text": text, "own": [], "top": []} for text in texts]

    pairs = token_views(views("가", "나"), views("나", "다"))
    assert [(pair["new"]["text"], pair["base"] and pair["base"]["text"]) for pair in pairs] == [
        ("나", "나"),
        ("다", None),
    ]
