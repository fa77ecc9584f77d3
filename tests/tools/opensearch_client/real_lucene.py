"""Real Lucene 8, of Debian's package liblucene8-java, driven through JPype in a process of its own.

Its own, since a Java machine takes over the signals of its process. What follows `running` is called in that process.
"""

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

JARS = sorted(map(str, Path("/usr/share/java").glob("lucene-core-8.*.jar")))
NEEDS = "Java, Lucene 8 and JPype: apt-get install liblucene8-java default-jre-headless"
FIELD = "features"

_searchers: dict[str, Any] = {}


class LuceneError(Exception):
    """What Lucene threw, as `class: message`."""


def is_here() -> bool:
    return bool(JARS) and importlib.util.find_spec("jpype") is not None


@contextmanager
def running() -> Iterator[Callable[..., Any]]:
    """A function that calls a function of this module where Lucene is; LuceneError for what Lucene throws."""
    with ProcessPoolExecutor(1, get_context("spawn"), _start) as pool:
        yield lambda function, *arguments: pool.submit(_guarded, function, arguments).result()


def _guarded(function: Callable[..., Any], arguments: tuple) -> Any:
    import jpype

    try:
        return function(*arguments)
    except jpype.JException as error:  # of a class that only this process has
        reason = f"{type(error).__name__.rpartition('.')[2]}: {error.getMessage()}"
    raise LuceneError(reason)


def _start() -> None:
    import jpype

    jpype.startJVM("-Xmx512m", "-XX:+UseSerialGC", classpath=JARS)


def _class(name: str) -> Any:
    import jpype

    return jpype.JClass(f"org.apache.lucene.{name}")


def build(name: str, sources: list[tuple[str, dict[str, float]]], per_segment: int) -> None:
    """Index (id, {feature: weight}) in that order, a known id anew; one segment a commit."""
    directory = _class("store.ByteBuffersDirectory")()
    writer = _class("index.IndexWriter")(directory, _class("index.IndexWriterConfig")())
    for start in range(0, len(sources), per_segment):
        for document_id, features in sources[start : start + per_segment]:
            document = _class("document.Document")()
            document.add(_class("document.StringField")("_id", document_id, _class("document.Field").Store.YES))
            for feature, weight in features.items():
                document.add(_class("document.FeatureField")(FIELD, feature, weight))
            writer.updateDocument(_class("index.Term")("_id", document_id), document)
        writer.commit()
    writer.close()
    _searchers[name] = _class("search.IndexSearcher")(_class("index.DirectoryReader").open(directory))


def search(name: str, body: dict[str, Any]) -> list[tuple[str, float]]:
    """Answer a request with [(id, score)] as OpenSearch does without an exact number of hits.

    OpenSearch's RankFeatureQueryBuilder asks for the feature with weight 1 and boosts that query, hence no limit of 64.
    """
    builder = _class("search.BooleanQuery").Builder()
    for clause in body["query"]["bool"]["should"]:
        field_name, _, feature = clause["rank_feature"]["field"].rpartition(".")
        query = _class("document.FeatureField").newLinearQuery(field_name, feature, 1.0)
        query = _class("search.BoostQuery")(query, clause["rank_feature"]["boost"])
        builder.add(query, _class("search.BooleanClause").Occur.SHOULD)
    collector = _class("search.TopScoreDocCollector").create(body["size"], None, 1)
    _searchers[name].search(builder.build(), collector)
    hits = collector.topDocs().scoreDocs
    return [(str(_searchers[name].doc(hit.doc).get("_id")), float(hit.score)) for hit in hits]


def field(weight: float) -> None:
    """Make a feature of that weight."""
    _class("document.FeatureField")(FIELD, "p1", weight)
