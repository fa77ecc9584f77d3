"""The view of one text, with the real tokenizer."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kosplade.analysis.histograms import PIECE_KINDS, piece_kinds
from kosplade.analysis.views import token_view
from kosplade.vocab.pieces import ascii_mask, hangul_mask, special_ids, stopword_ids

SEMANTIC, STOPWORD, FOREIGN = PIECE_KINDS


@pytest.fixture(scope="module")
def kinds_V(tokenizer) -> np.ndarray:
    stopword_V = np.isin(np.arange(len(tokenizer)), stopword_ids(["는"], tokenizer))
    return piece_kinds(stopword_V, hangul_mask(tokenizer), ascii_mask(tokenizer))


@pytest.fixture
def view(tokenizer, kinds_V):
    """A view of a text whose pieces weigh what `weights` says: {piece: weight}."""

    def of(text: str, weights: dict[str, float], max_length: int = 64, **options) -> dict:
        ids = tokenizer.convert_tokens_to_ids(list(weights))
        row_1V = csr_matrix((np.float32(list(weights.values())), ([0] * len(ids), ids)), shape=(1, len(tokenizer)))
        return token_view(text, row_1V, tokenizer, kinds_V, max_length, **options)

    return of


def spans(view: dict) -> list[tuple[str, str]]:
    """(piece, the slice of the text that it was read from) of the text's own pieces."""
    return [(own["piece"], view["text"][own["start"] : own["end"]]) for own in view["own"]]


def test_own_pieces_and_expansions(view):
    # A weight of 0 is not in the vector; <s> is no piece of the text, though the model reads it.
    weights = {"▁취소": 1.5, "▁환불": 2.0, "는": 0.25, "返": 0.5, "<s>": 0.1234567, "▁결제": 0.0}
    result = view("결제 취소는", weights)
    assert result["text"] == "결제 취소는"
    assert result["own"] == [
        {"piece": "▁결제", "start": 0, "end": 2, "weight": 0.0, "kind": SEMANTIC},
        {"piece": "▁취소", "start": 3, "end": 5, "weight": 1.5, "kind": SEMANTIC},
        {"piece": "는", "start": 5, "end": 6, "weight": 0.25, "kind": STOPWORD},
    ]
    assert result["top"] == [
        {"piece": "▁환불", "weight": 2.0, "kind": SEMANTIC, "in_text": False},
        {"piece": "▁취소", "weight": 1.5, "kind": SEMANTIC, "in_text": True},
        {"piece": "返", "weight": 0.5, "kind": FOREIGN, "in_text": False},
        {"piece": "는", "weight": 0.25, "kind": STOPWORD, "in_text": True},
        {"piece": "<s>", "weight": 0.123457, "kind": STOPWORD, "in_text": False},
    ]
    json.dumps(result)


def test_the_heaviest_are_cut_and_ties_go_to_the_smaller_id(view, tokenizer):
    pieces = sorted(["▁결제", "▁취소", "▁환불"], key=tokenizer.convert_tokens_to_ids)
    weights = dict.fromkeys(reversed(pieces), 1.0) | {"는": 2.0}
    assert [top["piece"] for top in view("결제", weights, top=3, expansions=0)["top"]] == ["는", *pieces[:2]]


def test_expansions_below_the_heaviest_are_listed_too(view):
    weights = {"▁결제": 2.0, "▁취소": 1.5, "▁환불": 1.0, "는": 0.5, "返": 0.25}
    shown = view("결제 취소", weights, top=2, expansions=2)["top"]
    assert [(one["piece"], one["in_text"]) for one in shown] == [
        ("▁결제", True),
        ("▁취소", True),
        ("▁환불", False),
        ("는", False),
    ]


def test_spans_point_into_the_text_as_it_was_before_normalisation(view):
    # Blanks are dropped, full-width digits become ASCII, and one sign becomes three pieces of which the first owns it.
    assert spans(view("  결제  １２３", {})) == [("▁결제", "결제"), ("▁123", "１２３")]
    # A blank sign alone leaves the character to the piece behind it.
    assert spans(view("가 탭", {})) == [("▁가", "가"), ("▁", ""), ("탭", "탭")]
    assert spans(view("㈜한글", {})) == [("▁(", "㈜"), ("주", ""), (")", ""), ("한", "한"), ("글", "글")]


@pytest.mark.parametrize(
    "text", ["", " ", "ﾊﾟ ｱ㈜한글", "가\u0301 e\u0301 \t\n탭", "한\u200b글 😀 👩\u200d👩 ꯍ", "㍿ ﷺ ½시 ㎏당", "한글"]
)
def test_spans_of_any_text_rise_and_do_not_overlap(view, text):
    last = 0
    for own in view(text, {})["own"]:
        assert last <= own["start"] <= own["end"] <= len(text)
        last = own["end"]


def test_special_pieces_and_what_the_model_does_not_read_are_left_out(view, tokenizer):
    # <s> and </s> take two of the four places; a spelled-out mask and an unknown character are special as well.
    assert [own["piece"] for own in view("결제 취소 환불", {}, max_length=4)["own"]] == ["▁결제", "▁취소"]
    shown = {own["piece"] for own in view("결제 <mask> ꯍ", {})["own"]}
    assert shown.isdisjoint(tokenizer.convert_ids_to_tokens(special_ids(tokenizer)))
    assert "▁결제" in shown
