"""Two experiments as the stage eval leaves them, small and made up: equal on every machine."""

import dataclasses
import math
import random
from itertools import pairwise
from pathlib import Path

import pytest

from kosplade.report.experiments import Experiment
from kosplade.report.gates import read_gates

ROOT = Path(__file__).parents[2]
GATES = read_gates(ROOT / "gates.yaml")
BASIS = {"documents": "1d3c6e600ac7", "test": "46c89a176c93", "depth": 100, "sample": 200}
BASIS |= dict.fromkeys(("bm25", "bm25_kiwi", "dense"), "k1 1.2")
KINDS = ("question", "keyword", "paraphrase", "cross-lingual")
TEXTS = (
    "내년에 학생한테 주기로 확약한 학생인건비도 연말 잔액에 포함해서 이체분을 계산하나요?",
    "통합관리기관은 매년 12월 31일을 기준으로 학생인건비 잔액의 20퍼센트를 초과하는 금액을 이체하여야 한다.",
    "체납자 예금을 직접 추심하기 어려울 때 신용정보회사를 활용",
    "고정식 무제한 방식은 한 번 채번한 가상계좌번호를 계속 재사용하여 반복 입금을 받을 수 있는 방식입니다.",
    "어떻게 refund API로 부분 취소를 요청하나요?",
    "결제를 취소하면 환불 금액은 카드사의 승인 취소 처리에 따라 영업일 기준 3일에서 5일이 걸립니다.",
)
OTHERS = {
    "semantic": ("▁환불", "▁반환", "▁급여", "▁은행", "▁정산", "▁대학원", "▁납부"),
    "stopword": ("▁것", "▁수", "는", "을"),
    "foreign": ("退款", "▁платеж", "銀行"),
}


def pieces_of(text: str) -> list[tuple[str, int, int, str]]:
    """(piece, start, end, kind): words without their last character, which is a stopword."""
    found, start = [], 0
    for word in text.split(" "):
        cut, end = start + len(word) - 1, start + len(word)
        found += [(f"▁{text[start:cut]}", start, cut, "semantic"), (text[cut:end], cut, end, "stopword")]
        start = end + 1
    return found


def view(text: str, rng: random.Random, stopwords: float) -> dict:
    """A token view; `stopwords` scales the weights of stopwords and foreign pieces."""
    scale = {"semantic": 1.0, "stopword": stopwords, "foreign": 0.3 + 0.6 * stopwords}
    own = [
        {"piece": piece, "start": start, "end": end, "weight": scale[kind] * rng.uniform(1.0, 2.7), "kind": kind}
        for piece, start, end, kind in pieces_of(text)
    ]
    top = [{key: one[key] for key in ("piece", "weight", "kind")} | {"in_text": True} for one in own]
    top += [
        {"piece": piece, "weight": scale[kind] * rng.uniform(0.4, 1.9), "kind": kind, "in_text": False}
        for kind, pieces in OTHERS.items()
        for piece in pieces[:3]
    ]
    heaviest = sorted((one for one in top if one["weight"]), key=lambda one: -one["weight"])
    return {"text": text, "own": own, "top": heaviest[:24]}


def explained(text: str, query: str, rng: random.Random) -> dict:
    pieces = []
    for piece, *_ in pieces_of(query)[:8]:
        query_weight, document_weight = rng.uniform(2, 7), rng.uniform(0.3, 2.6)
        weights = {"query_weight": query_weight, "document_weight": document_weight}
        pieces.append({"piece": piece, "score": query_weight * document_weight} | weights)
    return {"document_id": "d1", "text": text, "pieces": sorted(pieces, key=lambda one: -one["score"])}


def example(place: int, rng: random.Random, *, better: bool) -> dict:
    query, text = TEXTS[2 * place % 6], TEXTS[2 * place % 6 + 1]
    return {
        "query_id": f"q{place}",
        "query": query,
        "kind": KINDS[place % 4],
        "ndcg10": float(better),
        "baseline_ndcg10": float(not better),
        "relevant": explained(text, query, rng) | {"rank": 1, "baseline_rank": None},
        "first": None if better else explained(TEXTS[3], query, rng),
    }


def pieces(rng: random.Random, stopwords: float) -> dict:
    """pieces.json: histograms of normal values."""

    def counts(total: int, mean: float, edges: list[float]) -> list[int]:
        values = [abs(rng.gauss(mean, mean / 2)) for _ in range(total)]
        return [sum(low <= value < high for value in values) for low, high in pairwise(edges)]

    edges, lengths = [i / 10 for i in range(31)], list(range(0, 201, 10))
    weights = {"semantic": (900, 1.5), "stopword": (int(260 * stopwords), stopwords), "foreign": (20, 0.4)}
    heaviest = [
        {"piece": piece, "kind": kind, "mean": rng.uniform(0.1, 0.9), "documents": rng.randint(4, 190)}
        for kind, of in OTHERS.items()
        for piece in of
    ]
    median = 90.0 + 20 * (1 - stopwords)
    return {
        "weights": {"edges": edges} | {kind: counts(*of, edges) for kind, of in weights.items()},
        "nnz": {
            "edges": lengths,
            "counts": counts(200, 70 + 40 * (1 - stopwords), lengths),
            "quantiles": {"min": 31.0, "p10": 52.5, "median": median, "p90": 131.0, "max": 183.0},
        },
        "heaviest": sorted(heaviest, key=lambda one: -one["mean"]),
    }


def metrics(values: dict[str, list[float]], kinds: list[str], stopwords: float) -> dict[str, dict]:
    """The four files, in agreement with the figures of each query."""

    def mean(name: str, kind: str) -> dict:
        chosen = [v for v, of in zip(values[name], kinds, strict=True) if kind in ("all", of)]
        centre, spread = sum(chosen) / len(chosen), 0.9 / math.sqrt(len(chosen))
        return {"ndcg10": round(centre, 6), "low": max(0.0, centre - spread), "high": min(1.0, centre + spread)}

    nnz = 110.0 - 42 * stopwords
    cost = {"query_nnz": 15.4, "document_nnz": nnz, "flops": 0.86, "index_bytes": int(nnz * 5004 * 8)}
    systems = {name: {"ndcg10": mean(name, "all")["ndcg10"]} for name in values}
    return {
        "eval": {"documents": 5004, "test": {"queries": len(kinds)} | systems, "basis": BASIS},
        "eval_by_kind": {
            "test": {
                kind: {"queries": len(kinds) if kind == "all" else kinds.count(kind)}
                | {name: mean(name, kind) for name in values}
                for kind in ("all", *KINDS)
            }
        },
        "sparsity": {
            "semantic_top10": 1.0 - 0.3 * stopwords,
            "stopword_activation": 0.24 + 1.5 * stopwords,
            "semantic_ratio": 750.5 - 650 * stopwords,
            "foreign_activation": 0.005 + 0.05 * stopwords,
            "functional_weight": 0.05 + 0.1 * stopwords,
            "own_pieces_silent_hangul": 0.0,
            "own_pieces_silent_ascii": 0.0,
            "document_nnz": nnz,
        },
        "cost": dict.fromkeys(values, cost) | {"bm25_kiwi": {"query_nnz": 11.0, "flops": 0.4}},
    }


def curves(rng: random.Random, stopwords: float) -> dict[str, list[tuple[int, float]]]:
    ends = {
        "loss": (2.1, 1.55),
        "infonce_inference_free": (0.95, 0.8),
        "infonce_encoded": (0.7, 0.36),
        "stopword_activation": (2.6, 0.17 + 1.6 * stopwords),
        "document_nnz": (520, 105 - 40 * stopwords),
        "semantic_ratio": (1.2, 153 - 120 * stopwords),
    }
    return {
        name: [(step, last + (first - last) * math.exp(-step / 70) + rng.gauss(0, 0.02)) for step in range(1, 308, 10)]
        for name, (first, last) in ends.items()
    }


def make(name: str, *, gain: float, stopwords: float, seed: int) -> Experiment:
    """An experiment whose nDCG@10 is about `gain` above BM25's; `stopwords` from 0 (unlearnt) to 1 (as in V24)."""
    rng, shared = random.Random(seed), random.Random(0)
    ids = [f"q{place:03d}" for place in range(240)]
    difficulty = [shared.uniform(0.1, 1.0) for _ in ids]

    def scores(of: random.Random, shift: float) -> list[float]:
        return [round(min(1.0, max(0.0, d + shift + of.gauss(0, 0.16))), 6) for d in difficulty]

    values = {"inference_free": scores(rng, gain), "encoded": scores(rng, gain + 0.03)}
    values |= {name: scores(shared, shift) for name, shift in (("bm25", 0.0), ("bm25_kiwi", 0.02), ("dense", 0.11))}
    return Experiment(
        name=name,
        revision="3c168be" if name == "v24" else "158f6a1",
        params={"version": name, "seed": 42, "loss": {"idf_weighting": name != "v24", "margin": 0.0}, "teacher": {}},
        metrics=metrics(values, [KINDS[place % 4] for place in range(240)], stopwords),
        curves=curves(rng, stopwords),
        pruning=[
            {"max_ratio": ratio, "document_nnz": 110 * (1 - ratio), "index_bytes": int(4e6 * (1 - 1.4 * ratio))}
            | dict.fromkeys(("inference_free", "encoded"), 0.6 + gain - ratio**2 / 2)
            for ratio in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
        ],
        pieces=pieces(rng, stopwords),
        texts=[view(text, rng, stopwords) for text in TEXTS],
        examples={
            "winners": [example(place, rng, better=True) for place in range(5)],
            "losers": [example(place, rng, better=False) for place in range(4)],
        },
        queries={"split": "test", "ids": ids, "ndcg10": values},
        timings={},
        date="2026-11-22T18:50:08+00:00",
        versions={"torch": "2.13.0", "transformers": "5.23.0", "numpy": "2.4.6"},
    )


@pytest.fixture(scope="session")
def base() -> Experiment:
    return make("v24", gain=-0.03, stopwords=1.0, seed=24)


@pytest.fixture(scope="session")
def new() -> Experiment:
    return make("v25", gain=0.03, stopwords=0.0, seed=25)


def on(experiment: Experiment, **basis: object) -> Experiment:
    """The same figures on another basis, on none where it is empty."""
    changed = {**experiment.metrics["eval"], "basis": basis and BASIS | basis}
    return dataclasses.replace(experiment, metrics=experiment.metrics | {"eval": changed})
