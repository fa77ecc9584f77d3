"""Two experiments as the stage eval leaves them, small and made up: equal on every machine."""

import dataclasses
import math
import random
from pathlib import Path

import pytest

from kosplade.report.experiments import Experiment
from kosplade.report.gates import read_gates

ROOT = Path(__file__).parents[2]
GATES = read_gates(ROOT / "gates.yaml")
BASIS = {
    "documents": "1d3c6e600ac7",
    "test": "46c89a176c93",
    "depth": 100,
    "sample": 200,
    **dict.fromkeys(("bm25", "bm25_kiwi", "dense"), "k1 1.2"),
}
KINDS = ("question", "keyword", "paraphrase", "cross-lingual")
PARTICLES = ("에서는", "으로", "에서", "하는", "은", "는", "이", "가", "을", "를", "에", "의", "도", "과", "와")
WORDS = (
    *("▁연구", "▁교수", "▁기관", "▁개발", "▁대통령", "▁결제", "▁계좌", "▁취소", "▁학생", "▁국민", "▁사업"),
    *("제", "통", "당", "금", "비", "용", "급", "장", "액"),
)
TEXTS = (
    "내년에 학생한테 주기로 확약한 학생인건비도 연말 잔액에 포함해서 이체분을 계산하나요?",
    "통합관리기관은 매년 12월 31일을 기준으로 학생인건비 잔액의 20퍼센트를 초과하는 금액을 이체하여야 한다.",
    "체납자 예금을 직접 추심하기 어려울 때 신용정보회사를 활용",
    "고정식 무제한 방식은 한 번 채번한 가상계좌번호를 계속 재사용하여 반복 입금을 받을 수 있는 방식입니다. "
    "매 거래마다 새 번호를 발급하는 회전식과 달리, 미리 할당된 계좌번호를 고객 전용으로 사용합니다.",
    "어떻게 refund API로 부분 취소를 요청하나요?",
    "결제를 취소하면 환불 금액은 카드사의 승인 취소 처리에 따라 영업일 기준 3일에서 5일이 걸립니다.",
    "예비군 창설 41주년 300만 재난 복구 공로",
    "국민 여러분, 예비군은 지난 41년 동안 나라가 어려울 때마다 앞장서서 재난의 현장을 지켜 왔습니다.",
    "수료생 학생인건비 지급 가능 여부 연구생등록",
    "연구생으로 등록한 수료생에게도 학생인건비를 지급할 수 있으며, 지급 기준은 연구개발기관의 장이 정한다.",
)
EXPANSIONS = (
    *(
        ("▁환불", "semantic"),
        ("▁반환", "semantic"),
        ("▁급여", "semantic"),
        ("▁은행", "semantic"),
        ("▁정산", "semantic"),
    ),
    *(("▁대학원", "semantic"), ("▁납부", "semantic"), ("▁규정", "semantic"), ("▁것", "stopword"), ("▁수", "stopword")),
    *(("退款", "foreign"), ("▁платеж", "foreign"), ("銀行", "foreign")),
)


def pieces_of(text: str) -> list[tuple[str, int, int, str]]:
    """(piece, start, end, kind): words without their particles, particles, signs."""
    found, start = [], 0
    for word in text.split(" "):
        body, ending = word.rstrip(".,?"), len(word) - len(word.rstrip(".,?"))
        particle = next((p for p in PARTICLES if body.endswith(p) and len(body) > len(p) + 1), "")
        cut, end = start + len(body) - len(particle), start + len(body)
        found.append((f"▁{text[start:cut]}", start, cut, "semantic"))
        found += [(particle, cut, end, "stopword")] * bool(particle)
        found += [(text[end : end + ending], end, end + ending, "stopword")] * bool(ending)
        start = end + ending + 1
    return found


def view(text: str, rng: random.Random, stopwords: float, foreign: float) -> dict:
    """A token view; `stopwords` and `foreign` scale the weights of those kinds."""
    scale = {"semantic": 1.0, "stopword": stopwords, "foreign": foreign}

    def weight(kind: str, low: float, high: float) -> float:
        return round(scale[kind] * rng.uniform(low, high), 6)

    own = [
        {"piece": piece, "start": start, "end": end, "weight": weight(kind, 1.0, 2.7), "kind": kind}
        for piece, start, end, kind in pieces_of(text)
    ]
    added = rng.sample(EXPANSIONS, 8)
    top = [{"piece": one["piece"], "weight": one["weight"], "kind": one["kind"], "in_text": True} for one in own]
    top += [{"piece": p, "weight": weight(kind, 0.4, 1.9), "kind": kind, "in_text": False} for p, kind in added]
    heaviest = sorted((one for one in top if one["weight"]), key=lambda one: -one["weight"])
    return {"text": text, "own": own, "top": heaviest[:24]}


def explained(text: str, query: str, rng: random.Random) -> dict:
    pieces = [
        {
            "piece": piece,
            "query_weight": round(rng.uniform(2, 7), 6),
            "document_weight": round(rng.uniform(0.3, 2.6), 6),
        }
        for piece, *_ in pieces_of(query)[:8]
    ]
    pieces = [one | {"score": round(one["query_weight"] * one["document_weight"], 6)} for one in pieces]
    document = {"document_id": f"{rng.getrandbits(64):016x}", "text": text}
    return document | {"pieces": sorted(pieces, key=lambda one: -one["score"])}


def examples(rng: random.Random) -> dict:
    def one(place: int, better: bool) -> dict:
        query, text = TEXTS[2 * place % 10], TEXTS[2 * place % 10 + 1]
        ranks = (rng.randint(1, 2), rng.choice([None, 14, 37]))
        ndcg10 = (1 / math.log2(ranks[0] + 1), 0.0)
        first, second = (0, 1) if better else (1, 0)
        return {
            "query_id": f"q{place}",
            "query": query,
            "kind": KINDS[place % 4],
            "ndcg10": ndcg10[first],
            "baseline_ndcg10": ndcg10[second],
            "relevant": explained(text, query, rng) | {"rank": ranks[first], "baseline_rank": ranks[second]},
            "first": None if better else explained(TEXTS[7], query, rng),
        }

    return {"winners": [one(i, True) for i in range(5)], "losers": [one(i, False) for i in range(4)]}


def histogram(rng: random.Random, total: int, mean: float, edges: list[float]) -> list[int]:
    counts = [0] * (len(edges) - 1)
    for _ in range(total):
        counts[min(len(counts) - 1, int(abs(rng.gauss(mean, mean / 2)) / (edges[1] - edges[0])))] += 1
    return counts


def pieces(rng: random.Random, stopwords: float, foreign: int) -> dict:
    edges, lengths = [i / 10 for i in range(31)], list(range(0, 201, 10))
    scales = {"semantic": 1.0, "stopword": stopwords, "foreign": foreign / 4000}
    heaviest = [
        {"piece": p, "kind": kind, "mean": rng.uniform(0.1, 0.9) * scales[kind], "documents": rng.randint(4, 190)}
        for words, kind in ((WORDS, "semantic"), (PARTICLES, "stopword"), (("銀行", "▁платеж"), "foreign"))
        for p in words
    ]
    return {
        "weights": {
            "edges": edges,
            "semantic": histogram(rng, 9000, 1.5, edges),
            "stopword": histogram(rng, int(2600 * stopwords), stopwords, edges),
            "foreign": histogram(rng, foreign, 0.4, edges),
        },
        "nnz": {
            "edges": lengths,
            "counts": histogram(rng, 200, 70 + 40 * (1 - stopwords), lengths),
            "quantiles": {"min": 31.0, "p10": 52.5, "median": 90.0 + 20 * (1 - stopwords), "p90": 131.0, "max": 183.0},
        },
        "heaviest": sorted((one for one in heaviest if one["mean"]), key=lambda one: -one["mean"])[:30],
    }


def metrics(values: dict[str, list[float]], kinds: list[str], stopwords: float) -> dict[str, dict]:
    """The four files, in agreement with the figures of each query."""

    def mean(name: str, kind: str) -> dict:
        chosen = [v for v, of in zip(values[name], kinds, strict=True) if kind in ("all", of)]
        centre = sum(chosen) / len(chosen)
        spread = 0.9 / math.sqrt(len(chosen))
        return {"ndcg10": round(centre, 6), "low": max(0.0, centre - spread), "high": min(1.0, centre + spread)}

    systems = {
        name: {key: mean(name, "all")["ndcg10"] for key in ("ndcg10", "mrr10", "recall1", "recall10", "recall100")}
        for name in values
    }
    by_kind = {
        kind: {"queries": len(kinds) if kind == "all" else kinds.count(kind)}
        | {name: mean(name, kind) for name in values}
        for kind in ("all", *KINDS)
    }
    nnz = 110.0 - 42 * stopwords
    cost = {"query_nnz": 15.4, "document_nnz": nnz, "flops": 0.86, "index_bytes": int(nnz * 5004 * 8)}
    return {
        "eval": {"documents": 5004, "test": {"queries": len(kinds)} | systems, "basis": BASIS},
        "eval_by_kind": {"test": by_kind},
        "sparsity": {
            "semantic_top10": 1.0 - 0.3 * stopwords,
            "stopword_activation": 0.24 + 1.5 * stopwords,
            "semantic_ratio": 750.5 - 650 * stopwords,
            "foreign_activation": 0.005 + 0.05 * stopwords,
            "document_nnz": nnz,
        },
        "cost": {
            "inference_free": cost,
            "encoded": cost | {"query_nnz": 48.4, "flops": 3.45},
            "bm25": cost | {"document_nnz": 61.0, "index_bytes": 2_600_000},
            "bm25_kiwi": {"query_nnz": 11.0, "document_nnz": 44.2, "flops": 0.4},
            "dense": {"query_nnz": 384.0, "document_nnz": 384.0, "flops": 384.0, "index_bytes": 7_686_144},
        },
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
        name: [
            (step, last + (first - last) * math.exp(-step / 70) + rng.gauss(0, abs(first) * 0.02))
            for step in (1, *range(10, 308, 10))
        ]
        for name, (first, last) in ends.items()
    }


def make(name: str, *, gain: float, stopwords: float, seed: int) -> Experiment:
    """An experiment whose nDCG@10 is about `gain` above BM25's; `stopwords` from 0 (unlearnt) to 1 (as in V24)."""
    rng, shared = random.Random(seed), random.Random(0)
    ids = [f"q{place:03d}" for place in range(240)]
    kinds = [KINDS[place % 4] for place in range(240)]
    difficulty = [shared.uniform(0.1, 1.0) for _ in ids]

    def scores(of: random.Random, shift: float) -> list[float]:
        return [round(min(1.0, max(0.0, d + shift + of.gauss(0, 0.16))), 6) for d in difficulty]

    values = {"inference_free": scores(rng, gain), "encoded": scores(rng, gain + 0.03)}
    values |= {name: scores(shared, shift) for name, shift in (("bm25", 0.0), ("bm25_kiwi", 0.02), ("dense", 0.11))}
    quality = sum(values["inference_free"]) / len(ids)
    return Experiment(
        name=name,
        revision="3c168be" if name == "v24" else "158f6a1",
        params={"version": name, "seed": 42, "loss": {"idf_weighting": name != "v24", "margin": 0.0}, "teacher": {}},
        metrics=metrics(values, kinds, stopwords),
        curves=curves(rng, stopwords),
        pruning=[
            {
                "max_ratio": ratio,
                "document_nnz": 110 * (1 - ratio),
                "index_bytes": int((110 - 42 * stopwords) * (1 - 1.4 * ratio) * 5004 * 8),
                "inference_free": quality - ratio**2 / 2,
                "encoded": quality + 0.03 - ratio**2 / 3,
            }
            for ratio in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
        ],
        pieces=pieces(rng, stopwords, int(200 + 900 * stopwords)),
        texts=[view(text, rng, stopwords, 0.3 + 0.6 * stopwords) for text in TEXTS],
        examples=examples(rng),
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
