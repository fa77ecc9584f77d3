"""What a column of the page can show: an export in three ways, BM25, an OpenSearch. Each finds, and says why.

A column has `owner` and `way`, which name it, and the things that it `needs`. `runs` is {query: {document id: score}},
best first; `explain` a token view (`analysis.views`) whose weights are what each piece added to a score, with `beside`,
the pieces that query or document has from the model alone.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from opensearchpy import OpenSearch
from scipy.sparse import csr_matrix, load_npz, save_npz, vstack

from kosplade.analysis.explain import contributions
from kosplade.analysis.histograms import PIECE_KINDS, piece_kinds
from kosplade.analysis.views import token_view
from kosplade.console import say
from kosplade.errors import UserError
from kosplade.files import read_json, replacing, write_json
from kosplade.paths import STOPWORDS
from kosplade.records.bm25 import bm25_weights, count_terms
from kosplade.records.document import Document
from kosplade.records.kiwi import CONTENT, Morphemes
from kosplade.retrieval.basis import collection_basis
from kosplade.retrieval.encoding import used_pieces
from kosplade.retrieval.hybrid import HYBRIDS, hybrid_run
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import WAYS, load_export
from kosplade.retrieval.trec import Run
from kosplade.tools.demo.shelf import Corpus, Thing, need
from kosplade.tools.opensearch.connection import connect, server_errors
from kosplade.tools.opensearch.indexing import open_mappings
from kosplade.tools.opensearch.mapping import CHUNKS, fingerprint
from kosplade.tools.opensearch.searching import query_of, request_body, search_index, sparse_query
from kosplade.vocab.pieces import ascii_mask, hangul_mask, read_stopwords, stopword_ids
from kosplade.vocab.tokenizer import load_tokenizer

CACHE = Path("outputs/demo")
PARTS = 100  # of a corpus: what is encoded can be searched after each
SMALLEST_PART = 32  # documents
MOST_BESIDE = 8  # pieces beside a text that had a part in its score


class Words(Morphemes):
    """The morphemes that BM25 counts, with their places in the text."""

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """(form, start, end) of what `__call__` counts."""
        return [(t.form.lower(), t.start, t.end) for t in self._kiwi.tokenize(text) if t.tag.startswith(CONTENT)]


class Bm25(Thing):
    """BM25 over Kiwi morphemes, as the baseline of the stage eval."""

    owner, way = "", "bm25_kiwi"

    def __init__(self, corpus: Corpus):
        super().__init__("BM25")
        self.corpus, self.needs = corpus, [self]
        self.numbers: dict[str, int] = {}

    def open(self) -> None:
        """Count the morphemes of the corpus, which are found once."""
        self.step, self.words, settings = "counting", Words(), self.corpus.params.eval
        file = CACHE / f"{collection_basis(self.corpus.splits)['documents']}-kiwi{version('kiwipiepy')}.json"
        if not file.exists():
            write_json(file, self.words(self.corpus.main.documents))
        counts_NT = count_terms(read_json(file, f"Run: rm {file}"), self.numbers, grow=True)
        self.documents_NT = bm25_weights(counts_NT, settings.bm25_k1, settings.bm25_b)
        self.done = self.total
        say("demo", f"BM25 over {len(self.numbers)} morphemes")

    def runs(self, queries: Sequence[str], depth: int) -> Run:
        need(self, self.is_ready)
        counts_QT = count_terms(self.words(queries), self.numbers, grow=False)
        return to_run(queries, self.corpus.main.document_ids, *search(counts_QT, self.documents_NT, depth))

    def explain(self, query: str, id_: str) -> dict:
        row = self.corpus.rows[id_]
        text, own, last = self.corpus.main.documents[row], [], 0
        counts_1T = count_terms(self.words([query]), self.numbers, grow=False)
        scores_T = counts_1T.multiply(self.documents_NT[row]).toarray()[0]
        for form, start, end in self.words.spans(text):
            start, last = max(start, last), max(end, last)  # a syllable may hold two morphemes
            weight = float(scores_T[self.numbers[form]])
            own.append({"piece": form, "start": start, "end": last, "weight": weight, "kind": PIECE_KINDS[0]})
        return {"text": text, "own": own, "top": [], "beside": []}


class Model(Thing):
    """An export, the kinds of its pieces, and the vectors [n, V] of the first `done` documents of the corpus."""

    served = documents_NV = used_P = None

    def __init__(self, name: str, folder: Path, corpus: Corpus):
        super().__init__(name)
        self.folder, self.corpus = folder, corpus

    def open(self) -> None:
        """Load it: from here on it reads queries and pasted texts."""
        self.step, lengths = "loading", self.corpus.params.model
        served = load_export(
            self.folder,
            max_query_length=lengths.max_query_length,
            max_document_length=lengths.max_document_length,
        )
        served.encoder.to_fastest()
        stopword_V = np.zeros(len(served.tokenizer), dtype=bool)
        stopword_V[stopword_ids(read_stopwords(STOPWORDS), served.tokenizer)] = True
        self.kinds_V = piece_kinds(stopword_V, hangul_mask(served.tokenizer), ascii_mask(served.tokenizer))
        self.fingerprint = fingerprint(self.folder)
        self.step, self.total, self.served = "encoding", len(self.corpus.rows), served
        say("demo", f"{self.name}: {self.folder}")

    def encode(self) -> None:
        """Take the vectors of the corpus out of the cache, make what is missing, keep them there."""
        basis = collection_basis(self.corpus.splits) | {"model": self.fingerprint}
        basis["max_document_length"] = self.served.max_document_length
        file = CACHE / f"{hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()[:16]}.npz"
        if file.exists():
            self.documents_NV = load_npz(file)
            self.done = self.documents_NV.shape[0]
        if not self.is_ready:
            say("demo", f"{self.name}: encodes {self.total} documents, once; those that are done can be searched")
            for vectors_NV in self._parts():
                self.documents_NV, self.done = vectors_NV, vectors_NV.shape[0]
            with replacing(file) as target:
                save_npz(target, self.documents_NV)
        if self.is_ready:
            self.used_P = used_pieces(self.documents_NV)
        say("demo", f"{self.name}: vectors of {self.done} documents, {file}")

    def _parts(self) -> Iterator[csr_matrix]:
        """The vectors [n, V] of more and more documents, until stopped."""
        served = replace(self.served, tokenizer=load_tokenizer(self.folder))  # one serves one thread: it keeps its cut
        texts, parts = self.corpus.main.documents, [] if self.documents_NV is None else [self.documents_NV]
        size = max(SMALLEST_PART, len(texts) // PARTS)
        for start in range(self.done, len(texts), size):
            parts.append(served.documents(texts[start : start + size], ""))
            yield vstack(parts, format="csr")
            if self.corpus.stopped.is_set():
                return

    @lru_cache(maxsize=64)  # noqa: B019 - lives as long as the page
    def vectors(self, reading: str, *texts: str, is_search: bool = False) -> csr_matrix:
        """Served vectors [N, V] of texts read as documents, or as one of WAYS of making queries.

        A search needs only those pieces that a document has.
        """
        need(self, self.served is not None)
        if reading == "document":
            return self.served.documents(list(texts), "")
        if reading == "inference_free":
            return self.served.inference_free(list(texts))
        return self.served.encoded(list(texts), "", self.used_P if is_search else None)

    def added(self, query: str, query_1V: csr_matrix, text: str, document_1V: csr_matrix, length: int) -> dict:
        """What the pieces of two vectors added to their score, as `explain` of a column gives it; `length` was read."""
        tokens, product_1V = self.served.tokenizer, query_1V.multiply(document_1V).tocsr()
        view = token_view(text, product_1V, tokens, self.kinds_V, length, 0, 1)
        own = {
            "Q": tokens.convert_ids_to_tokens(self.served.pieces([query], "query")[0]),
            "D": [one["piece"] for one in view["own"]],
        }
        beside = []
        for one in contributions(query_1V, document_1V, tokens, product_1V.nnz):
            if sides := [side for side, pieces in own.items() if one["piece"] not in pieces]:
                kind = PIECE_KINDS[self.kinds_V[tokens.convert_tokens_to_ids(one["piece"])]]
                beside.append({"piece": one["piece"], "weight": one["score"], "kind": kind, "sides": sides})
        return view | {"beside": beside[:MOST_BESIDE]}


class Sparse:
    """An export with one way of making queries, among the documents encoded so far."""

    def __init__(self, model: Model, way: str):
        self.model, self.owner, self.way, self.needs = model, model.name, way, [model]

    def runs(self, queries: Sequence[str], depth: int) -> Run:
        need(self.model, self.model.documents_NV is not None)
        found = search(self.model.vectors(self.way, *queries, is_search=True), self.model.documents_NV, depth)
        return to_run(queries, self.model.corpus.main.document_ids, *found)

    def explain(self, query: str, id_: str) -> dict:
        row = self.model.corpus.rows[id_]
        text, document_1V = self.model.corpus.main.documents[row], self.model.documents_NV[row]
        query_1V = self.model.vectors(self.way, query, is_search=True)
        return self.model.added(query, query_1V, text, document_1V, self.model.served.max_document_length)


class Hybrid:
    """An export and BM25, weighed as the export says; `way` is one of HYBRIDS."""

    def __init__(self, way: str, sparse: Sparse, lexical: Bm25):
        self.way, self.sparse, self.lexical = way, sparse, lexical
        self.owner, self.needs = sparse.owner, [sparse.model, lexical]

    def runs(self, queries: Sequence[str], depth: int) -> Run:
        parts = [part.runs(queries, depth) for part in (self.sparse, self.lexical)]
        return hybrid_run(*parts, self.sparse.model.served.hybrid_weight[self.sparse.way], depth)

    def explain(self, query: str, id_: str) -> dict:
        """Of the pieces, or of the morphemes where no piece found the document."""
        if self.lexical.corpus.rows[id_] < self.sparse.model.documents_NV.shape[0]:
            view = self.sparse.explain(query, id_)
            if view["top"] or any(one["weight"] for one in view["own"]):
                return view
        return self.lexical.explain(query, id_)


class Remote:
    """An index of `python -m kosplade.tools.opensearch`, asked with the inference-free queries of the export in it."""

    way, needs = "opensearch", ()

    def __init__(self, models: Sequence[Model], url: str, index: str):
        self.models, self.url, self.index, self.owner = models, url, index, index

    @contextmanager
    def _asked(self) -> Iterator[tuple[OpenSearch, Model, dict]]:
        """A client, the model of the index, and what that says of itself; what the server refuses is a UserError."""
        try:
            with server_errors(self.url, self.index):
                client = connect(self.url)
                meta = open_mappings(client, self.index)["_meta"]["kosplade"]
                for model in self.models:
                    if not model.error:
                        need(model, model.served is not None)
                        if model.fingerprint == meta["model"]:
                            yield client, model, meta
                            return
        except UserError as error:
            raise UserError(f"{error} To start a server here: make opensearch-up") from None
        remedy = "Name it: make demo OPTIONS='--model DIR'"
        raise UserError(f"index '{self.index}' is of a model that is not loaded. {remedy}")

    def runs(self, queries: Sequence[str], depth: int) -> Run:
        with self._asked() as (client, model, meta):
            vectors_QV, runs = model.vectors(WAYS[0], *queries), {}
            to_query = query_of(model.served, meta["kind"], depth)
            for row, query in enumerate(queries):
                body = request_body(to_query(vectors_QV[row]), depth, [])
                runs[query] = {hit["_id"]: hit["_score"] for hit in search_index(client, self.index, body)}
        return runs

    def explain(self, query: str, id_: str) -> dict:
        """Encodes the document, or its best chunk, again: the server keeps no vector to read."""
        with self._asked() as (client, model, meta):
            query_1V, asked = model.vectors(WAYS[0], query), {"ids": {"values": [id_]}}
            if meta["kind"] == "chunked":  # which chunk is the best one?
                asked = {"bool": {"must": sparse_query(query_1V, "chunked"), "filter": asked}}
            [hit] = search_index(client, self.index, request_body(asked, 1, ["title", "text"]))
        text = Document("", id_, hit["_source"]["title"], hit["_source"]["text"]).whole
        if meta["kind"] == "chunked":
            text = hit["inner_hits"][CHUNKS]["hits"]["hits"][0]["_source"]["text"]
        length = meta["max_document_length"]
        document_1V = replace(model.served, max_document_length=length).documents([text], "")
        return model.added(query, query_1V, text, document_1V, length)


def columns_of(
    models: Sequence[Model], lexical: Bm25, url: str, index: str
) -> dict[str, Bm25 | Sparse | Hybrid | Remote]:
    """Every column by its name in an address: `v25.inference_free`, `v25.hybrid`, `bm25_kiwi`, `opensearch`."""
    columns = {f"{model.name}.{way}": Sparse(model, way) for model in models for way in WAYS}
    for model in models:
        for name, way in HYBRIDS.items():
            columns[f"{model.name}.{name}"] = Hybrid(name, columns[f"{model.name}.{way}"], lexical)
    return columns | {Bm25.way: lexical} | ({Remote.way: Remote(models, url, index)} if url else {})
