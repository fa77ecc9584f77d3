"""Passages are spread over the sources by their shares, by hash; those that a question names stay."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from kosplade.corpus.embedded import READERS, text_shares
from kosplade.corpus.spread import spread
from kosplade.errors import UserError

SHARES = {"a": 0.5, "b": 0.3, "c": 0.2}


def identifiers(source, count):
    return {hashlib.sha256(f"{source}{n}".encode()).hexdigest()[:16]: source for n in range(count)}


SOURCES = identifiers("a", 400) | identifiers("b", 300) | identifiers("c", 200)


def counts(chosen, sources=SOURCES):
    return Counter(sources[one] for one in chosen)


def test_each_source_has_its_share_and_no_order_matters():
    chosen = spread(SOURCES, set(), SHARES, 100)
    assert counts(chosen) == {"a": 50, "b": 30, "c": 20}
    assert chosen == spread(dict(reversed(SOURCES.items())), set(), SHARES, 100)
    twice = {name: 2 * share for name, share in SHARES.items()}  # in proportion: they need not add up to 1
    assert chosen == spread(SOURCES, set(), twice, 100)


def test_the_smallest_hashes_of_a_source_are_chosen_and_more_passages_only_add():
    chosen = spread(SOURCES, set(), SHARES, 100)
    assert {one for one in chosen if SOURCES[one] == "a"} == set(sorted(identifiers("a", 400))[:50])
    assert chosen < spread(SOURCES, set(), SHARES, 200)


def test_what_a_source_cannot_fill_goes_to_the_others():
    sources = identifiers("a", 400) | identifiers("b", 300) | identifiers("c", 5)
    assert counts(spread(sources, set(), SHARES, 101), sources) == {"a": 60, "b": 36, "c": 5}
    assert len(spread(SOURCES, set(), SHARES, 10_000)) == len(SOURCES)
    assert len(spread(SOURCES, set(), SHARES, 0)) == len(SOURCES)


def test_judged_passages_stay_and_count_towards_the_share():
    judged = set(sorted(identifiers("b", 300))[-40:])  # the last ones by hash, and more than the share
    chosen = spread(SOURCES, judged, SHARES, 100)
    assert judged <= chosen
    assert len(chosen) == 100
    assert counts(chosen)["b"] == 40
    assert spread(SOURCES, judged, SHARES, 30) == judged


def test_a_text_may_be_left_out_and_one_without_a_reader_is_named(tmp_path):
    text = (Path(__file__).parents[2] / "data/sources.yaml").read_text(encoding="utf-8")
    sources = tmp_path / "sources.yaml"
    sources.write_text(text, encoding="utf-8")
    assert text_shares(sources).keys() == READERS.keys()
    assert sum(text_shares(sources).values()) == pytest.approx(1)
    start, end = text.index("  - name: wikipedia"), text.index("models:")
    sources.write_text(text[:start] + text[end:], encoding="utf-8")
    assert text_shares(sources).keys() == READERS.keys() - {"wikipedia"}
    sources.write_text(text.replace("name: wikipedia", "name: news"), encoding="utf-8")
    with pytest.raises(UserError) as error:
        text_shares(sources)
    assert str(error.value) == f"{sources}: no reader for the text 'news'. Known: {', '.join(READERS)}."
