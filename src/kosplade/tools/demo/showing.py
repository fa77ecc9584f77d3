"""The three views as what their template shows: out of an address alone, so that a link reproduces them."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from starlette.datastructures import QueryParams

from kosplade.analysis.views import token_view
from kosplade.errors import UserError
from kosplade.files import read_json
from kosplade.paths import PREPARED, eval_folder, export_folder
from kosplade.report.page.scales import Scale
from kosplade.retrieval.metrics import per_query
from kosplade.retrieval.pruning import prune
from kosplade.retrieval.served import WAYS
from kosplade.tools.demo.columns import Bm25, Model, columns_of
from kosplade.tools.demo.shelf import Corpus, NotReady, Thing, need
from kosplade.tools.opensearch.features import to_boosts
from kosplade.tools.opensearch.mapping import FIELD

TOP = 10  # hits of a column
MOST_COLUMNS = 3
EXAMPLES = 5
READINGS = ("document", *reversed(WAYS))
MOST_PRUNED = 0.9  # the end of the slider
EVERYTHING = 1 << 20  # pieces of a vector


class Views:
    """What there is to show; a figure that cannot be had yet is a `thing`, one that cannot be had at all an `error`."""

    most_columns, readings = MOST_COLUMNS, READINGS

    def __init__(self, corpus: Corpus, models: dict[str, Model], lexical: Bm25, url: str, index: str):
        self.corpus, self.models, self.lexical = corpus, models, lexical
        self.columns = columns_of(list(models.values()), lexical, url, index)

    @property
    def things(self) -> list[Thing]:
        """All that is loaded."""
        return [self.corpus, self.lexical, *self.models.values()]

    def load(self) -> None:
        """Everything, for a thread of its own: BM25, then all models, so that they can read, then their documents."""
        self.corpus.attempt(self.corpus.read)
        if self.corpus.is_ready:
            for thing in self.things[1:]:
                thing.attempt(thing.open)
            for model in self.models.values():
                if not self.corpus.stopped.is_set():
                    model.attempt(model.encode)

    def search(self, asked: QueryParams) -> dict:
        """Hits of a query (`q`) in up to three columns (`c`), the ranks between them, examples where there is none."""
        query = unicodedata.normalize("NFC", asked.get("q", "")).strip()
        names = [name for name in asked.getlist("c") if name][:MOST_COLUMNS] or self._usual(MOST_COLUMNS)
        shown: list[dict] = []
        for name in names if query and self.corpus.is_ready else []:
            before = shown[-1].get("ranks", {}) if shown else None
            shown.append(
                self._tried(name, self.columns, lambda column, before=before: self._hits(column, query, before))
            )
        queries = self.corpus.main.queries if self.corpus.is_ready else []
        examples = queries[:: max(1, len(queries) // EXAMPLES)][:EXAMPLES]
        return {"q": query, "names": names, "columns": shown, "examples": examples, "chart": _rank_chart(shown)}

    def inside(self, asked: QueryParams) -> dict:
        """A text (`text`) as each model (`m`) reads it (`as`), pruned by `max_ratio`."""
        text = unicodedata.normalize("NFC", asked.get("text", "")).strip()
        reading = asked.get("as") if asked.get("as") in READINGS else READINGS[0]
        names, ratio = asked.getlist("m") or list(self.models), _number(asked.get("max_ratio"), MOST_PRUNED)
        shown = [
            self._tried(name, self.models, lambda m: self._pieces(m, text, reading, ratio)) for name in names if text
        ]
        return {"text": text, "as": reading, "names": names, "max_ratio": ratio, "models": shown}

    def differences(self, asked: QueryParams) -> dict:
        """The judged queries by the difference of nDCG@10 of two columns (`c`), gains of the first on top."""
        names = (asked.getlist("c") + self._usual(MOST_COLUMNS))[:2]
        if not (self.corpus.is_ready and self.corpus.main.queries):
            return {"names": names, "tried": [], "rows": None}
        tried = [self._tried(name, self.columns, lambda _, name=name: {"ndcg10": self._ndcg10(name)}) for name in names]
        if any("ndcg10" not in one for one in tried):
            return {"names": names, "tried": tried, "rows": None}
        of, (first, second) = self.corpus.main, (one["ndcg10"] for one in tried)
        rows = [
            {"query": query, "kind": kind or "", "pair": (a, b), "difference": a - b}
            for query, kind, a, b in zip(of.queries, of.query_kinds, first, second, strict=True)
        ]
        differ = sorted((row for row in rows if row["difference"]), key=lambda row: -row["difference"])
        gains = sum(row["difference"] > 0 for row in differ)
        counts = {"first": gains, "second": len(differ) - gains, "equal": len(rows) - len(differ)}
        return {"names": names, "tried": tried, "rows": differ, "counts": counts}

    def _usual(self, most: int) -> list[str]:
        return [*[f"{name}.{WAYS[0]}" for name in self.models][: most - 1], Bm25.way]

    def _tried(self, name: str, known: dict, show: Callable[..., dict]) -> dict:
        """What `show` makes of a column or model; else why it cannot."""
        tried = {"name": name, "thing": None, "error": "", "is_known": name in known}
        try:
            return tried | (show(known[name]) if name in known else {})
        except NotReady as error:
            return tried | {"thing": error.thing}
        except UserError as error:
            return tried | {"error": str(error)}

    def _hits(self, column, query: str, before: dict[str, int] | None) -> dict:
        depth, judged = self.corpus.params.eval.depth, self.corpus.judged.get(query, {})
        run = column.runs((query,), depth)
        ranks = {id_: rank for rank, id_ in enumerate(run[query], start=1)}
        hits = [
            {
                "id": id_,
                "rank": rank,
                "score": run[query][id_],
                "judged": judged.get(id_),
                "was": (before or {}).get(id_),
            }
            | {"view": column.explain(query, id_)}
            for id_, rank in list(ranks.items())[:TOP]
        ]
        missed = [(id_, ranks.get(id_)) for id_, score in judged.items() if score > 0 and ranks.get(id_, TOP + 1) > TOP]
        ndcg10 = per_query({query: judged}, run, "ndcg10")[query] if judged else None
        shown = {"hits": hits, "ranks": ranks, "missed": missed, "ndcg10": ndcg10, "depth": depth}
        partial = next((thing for thing in column.needs if not thing.is_ready), None)
        return shown | {"partial": partial, "is_first": before is None}

    def _pieces(self, model: Model, text: str, reading: str, ratio: float) -> dict:
        whole_1V = model.vectors(reading, text)
        kept_1V, served = prune(whole_1V, ratio), model.served
        length = served.max_document_length if reading == "document" else served.max_query_length
        whole, kept = (
            token_view(text, vector_1V, served.tokenizer, model.kinds_V, length, EVERYTHING)
            for vector_1V in (whole_1V, kept_1V)
        )
        boosts = {piece: round(weight, 6) for piece, weight in to_boosts(kept_1V).items()}
        return {
            "view": kept,
            "chips": [one | {"is_kept": place < kept_1V.nnz} for place, one in enumerate(whole["top"])],
            "figures": {
                "kept": kept_1V.nnz,
                "all": whole_1V.nnz,
                "lost": f"{100 * (1 - kept_1V.sum() / max(whole_1V.sum(), 1e-9)):.1f}",
            },
            "cut": length if len(served.tokenizer(text)["input_ids"]) > length else 0,
            "tokens": json.dumps({"query": {"neural_sparse": {FIELD: {"query_tokens": boosts}}}}),
        }

    def _ndcg10(self, name: str) -> Sequence[float]:
        """Of every query of the corpus, as the stage eval left it, else by searching."""
        for thing in self.columns[name].needs:
            need(thing, thing.is_ready)
        version, _, way = name.rpartition(".")
        file = eval_folder(version) / "queries.json"
        is_evaluated = version in self.models and self.models[version].folder == export_folder(version)
        if is_evaluated and self.corpus.place == PREPARED and file.exists():
            figures = read_json(file, "Run: make eval-v25")
            if figures["ids"] == self.corpus.main.query_ids and way in figures["ndcg10"]:
                return figures["ndcg10"][way]
        return self._searched(name)

    @lru_cache(maxsize=16)  # noqa: B019 - lives as long as the page
    def _searched(self, name: str) -> list[float]:
        of = self.corpus.main
        found = self.columns[name].runs(tuple(of.queries), TOP)
        run = {id_: found.get(query, {}) for id_, query in zip(of.query_ids, of.queries, strict=True)}
        return [round(value, 6) for value in per_query(of.qrels, run, "ndcg10").values()]


def _number(text: str | None, most: float) -> float:
    """From 0 to `most`; 0 for what is no number."""
    try:
        return max(0.0, min(float(text or 0), most))
    except ValueError:
        return 0.0


def _rank_chart(columns: list[dict]) -> dict | None:
    """Lines of the documents that neighbouring columns share, one unit a column; None for fewer than two columns."""
    y, lines, dots = Scale(1, TOP, 6, 94), [], []
    for place, column in enumerate(columns):
        after = columns[place + 1].get("ranks", {}) if place + 1 < len(columns) else {}
        for hit in column.get("hits", []):
            dots.append({"x": place + 0.5, "y": y(hit["rank"]), "good": (hit["judged"] or 0) > 0})
            if after.get(hit["id"], TOP + 1) <= TOP:
                lines.append(dots[-1] | {"to": y(after[hit["id"]]), "text": hit["view"]["text"]})
    return {"lines": lines, "dots": dots, "width": len(columns)} if lines else None
