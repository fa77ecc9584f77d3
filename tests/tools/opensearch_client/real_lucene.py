"""Real Lucene 8, of Debian's package liblucene8-java, driven through JPype in a process of its own.

Its own, since a Java machine takes over signals of the process that it lives in and cannot be started twice there.
Everything below `running` is called in that process, by `running`'s function.
"""

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

JARS = sorted(map(str, Path("/usr/share/java").glob("lucene-core-8.*.jar")))
FIELD = "features"

# Of that process: the Lucene classes used; by name of an index its searcher, and the ids of its documents in order.
_open: dict[str, Any] = {}
_searchers: dict[str, Any] = {}
_ids: dict[str, list[str]] = {}


class LuceneError(Exception):
    """What Lucene threw, as `class: message`."""


def missing() -> str:
    """What has to be installed before `running` works; "" where nothing has."""
    if importlib.util.find_spec("jpype") is None:
        return "no JPype here: pip install -r requirements-dev.txt"
    import jpype

    if not JARS:
        return "no Lucene 8 here: apt-get install liblucene8-java"
    try:
        jpype.getDefaultJVMPath()
    except jpype.JVMNotFoundException:
        return "no Java here: apt-get install default-jre-headless"
    return ""


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
    for package, names in {
        "document": ("Document", "FeatureField", "Field", "StringField"),
        "index": ("DirectoryReader", "IndexWriter", "IndexWriterConfig", "Term"),
        "search": ("BooleanClause", "BooleanQuery", "BoostQuery", "IndexSearcher", "TopScoreDocCollector"),
        "store": ("ByteBuffersDirectory",),
        "util": ("Version",),
    }.items():
        _open.update({name: jpype.JClass(f"org.apache.lucene.{package}.{name}") for name in names})


def version() -> str:
    return str(_open["Version"].LATEST)


def build(name: str, sources: list[tuple[str, dict[str, float]]], per_segment: int) -> int:
    """Index (id, {feature: weight}) in that order, a known id anew; return the number of segments, one a commit."""
    directory = _open["ByteBuffersDirectory"]()
    writer = _open["IndexWriter"](directory, _open["IndexWriterConfig"]())
    for start in range(0, len(sources), per_segment):
        for document_id, features in sources[start : start + per_segment]:
            document = _open["Document"]()
            document.add(_open["StringField"]("_id", document_id, _open["Field"].Store.YES))
            for feature, weight in features.items():
                document.add(_open["FeatureField"](FIELD, feature, weight))
            writer.updateDocument(_open["Term"]("_id", document_id), document)
        writer.commit()
    writer.close()
    reader = _open["DirectoryReader"].open(directory)
    _searchers[name] = _open["IndexSearcher"](reader)
    _ids[name] = [str(reader.document(number).get("_id")) for number in range(reader.maxDoc())]
    return int(reader.leaves().size())  # no JInt: only this process knows that class


def search(name: str, body: dict[str, Any]) -> tuple[list[tuple[str, float]], int]:
    """Answer a request as OpenSearch does without an exact number of hits: ([(id, score)], documents looked at).

    OpenSearch's RankFeatureQueryBuilder asks for the feature with weight 1 and boosts that query, hence no limit of 64.
    """
    builder = _open["BooleanQuery"].Builder()
    for clause in body["query"]["bool"]["should"]:
        field_name, _, feature = clause["rank_feature"]["field"].rpartition(".")
        query = _open["FeatureField"].newLinearQuery(field_name, feature, 1.0)
        query = _open["BoostQuery"](query, clause["rank_feature"]["boost"])
        builder.add(query, _open["BooleanClause"].Occur.SHOULD)
    collector = _open["TopScoreDocCollector"].create(body["size"], None, 1)
    _searchers[name].search(builder.build(), collector)
    top = collector.topDocs()
    hits = [(_ids[name][hit.doc], float(hit.score)) for hit in top.scoreDocs]
    return hits, int(top.totalHits.value)


def stored(name: str) -> dict[str, int]:
    """{feature: sum of the term frequencies that its documents hold}."""
    frequencies: dict[str, int] = {}
    for leaf in _searchers[name].getIndexReader().leaves():
        terms = leaf.reader().terms(FIELD).iterator()
        while (term := terms.next()) is not None:
            feature = str(term.utf8ToString())
            frequencies[feature] = frequencies.get(feature, 0) + int(terms.totalTermFreq())
    return frequencies


def field(weight: float) -> None:
    """Make a feature of that weight."""
    _open["FeatureField"](FIELD, "p1", weight)


def boost(weight: float) -> None:
    """Boost a query by that weight."""
    _open["BoostQuery"](_open["FeatureField"].newLinearQuery(FIELD, "p1", 1.0), weight)
