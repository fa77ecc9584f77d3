"""Every problem is one line that names the thing, the place and the remedy."""

import json
import socket

import pytest
from tools.opensearch_client import lucene
from tools.opensearch_client.lucene import Index

from kosplade.errors import UserError
from kosplade.tools.opensearch import connection
from kosplade.tools.opensearch.__main__ import main


def fails(match, server, command, export, *options, url=None, index="docs"):
    """The command line ends with one line."""
    with pytest.raises(UserError, match=match) as caught:
        main([command, "--url", url or server.url, "--index", index, "--model", str(export), *map(str, options)])
    assert "\n" not in str(caught.value)


def test_a_url_that_does_not_answer(server, export):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{free.getsockname()[1]}"
    shown = url.replace("user:secret@", "")
    fails(rf"^{shown}: no answer \(.*refused\)\. Start", server, "search", export, "--query", "w9", url=url)


@pytest.mark.parametrize("url", ["localhost:9200", "http://", "http://h:port", "ftp://h", "http://user@h"])
def test_what_is_no_url(server, export, url):
    fails("--url: http.* is expected", server, "search", export, "--query", "w9", url=url)


def test_an_index_that_is_missing(server, export):
    fails("index 'docs' not found. Make it: ", server, "search", export, "--query", "w9")


def test_an_index_of_someone_else(server, export, corpus):
    server.indices["docs"] = Index({"mappings": {"_meta": {}, "dynamic": "strict", "properties": {}}})
    fails("so it is not ours", server, "search", export, "--query", "w9")
    fails("so it is not ours", server, "index", export, "--documents", corpus, "--recreate")
    assert "docs" in server.indices


def test_an_index_of_another_mapping(server, export, corpus):
    main(["index", "--url", server.url, "--index", "docs", "--model", str(export), "--documents", str(corpus)])
    server.indices["docs"].mappings["properties"]["features"] = {"type": "text"}
    for command, options in (("search", ["--query", "w9"]), ("index", ["--documents", corpus])):
        fails("field 'features' is text, not rank_features", server, command, export, *options)


def test_a_name_that_the_server_refuses(server, export, corpus):
    match = "index 'Docs': 400 invalid_index_name_exception: Invalid index name"
    fails(match, server, "index", export, "--documents", corpus, index="Docs")


def test_a_folder_that_is_no_export(server, tmp_path, corpus):
    fails("not an exported model", server, "index", tmp_path, "--documents", corpus)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", ":31: not valid JSON"),
        ('{"_id": "d3", "text": "w5"}', ":31: _id 'd3' occurs twice"),
        (json.dumps({"_id": "가" * 171, "text": "w5"}), ":31: an _id of more than 512 bytes"),
    ],
)
def test_a_broken_document_is_named_before_anything_is_sent(server, export, corpus, line, match):
    corpus.write_text(corpus.read_text() + line + "\n")
    fails(match, server, "index", export, "--documents", corpus)
    assert server.requests == []


def test_files_that_are_missing_or_empty(server, export, tmp_path):
    fails("none.jsonl cannot be opened", server, "index", export, "--documents", tmp_path / "none.jsonl")
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    fails("no documents", server, "index", export, "--documents", empty)
    fails("no queries", server, "search", export, "--queries", empty, "--output", tmp_path / "run")


def test_documents_that_the_server_refuses(server, export, corpus):
    server.bulk_faults = [dict.fromkeys(("d7", "d9"), (400, "mapper_parsing_exception"))]
    match = "2 documents were refused, the first, 'd7', with 400 mapper_parsing_exception: .*28 were indexed"
    fails(match, server, "index", export, "--documents", corpus)


def test_a_document_that_is_too_large_for_a_request_is_named(server, export, corpus):
    lines = corpus.read_text().splitlines()
    corpus.write_text(
        "\n".join([*lines[:9], json.dumps({"_id": "서울 안내 7", "text": "w5 " * 9000}), *lines[10:]]) + "\n"
    )
    server.largest = 20_000
    match = "document '서울 안내 7' alone is more than the server takes .*413.* 9 were indexed: shorten it"
    fails(match, server, "index", export, "--documents", corpus)
    server.largest = 2_000  # a few documents
    corpus.write_text("\n".join(lines[:9] + lines[10:]) + "\n")
    main(["index", "--url", server.url, "--index", "docs", "--model", str(export), "--documents", str(corpus)])
    assert len(server.indices["docs"].sources) == 29


def test_a_server_that_stays_busy(server, export, corpus, monkeypatch):
    monkeypatch.setattr(connection, "RETRIES", 1)
    server.bulk_faults = [429] * 20
    fails("429 circuit_breaking_exception: too busy. The server was", server, "index", export, "--documents", corpus)


def test_a_query_of_more_pieces_than_the_server_takes(server, export, corpus, tmp_path, monkeypatch):
    main(["index", "--url", server.url, "--index", "docs", "--model", str(export), "--documents", str(corpus)])
    monkeypatch.setattr(lucene, "MAX_CLAUSES", 2)
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "a", "text": "w9 w5"}\n{"_id": "b", "text": "w9 w5 w8"}\n')
    match = r"index 'docs': query 'b' has 3 pieces, the server takes 2\. Shorten .*max_clause_count\.$"
    fails(match, server, "search", export, "--queries", queries, "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    fails("the query has 3 pieces", server, "search", export, "--query", "w9 w5 w8")


@pytest.mark.parametrize(("length", "said"), [(1024, "at most 512 pieces"), (2, "2 are special pieces")])
def test_lengths_that_the_model_cannot_read(server, export, corpus, tmp_path, length, said):
    fails(said, server, "index", export, "--documents", corpus, "--max-document-length", length)
    fails(said, server, "search", export, "--query", "w9", "--max-query-length", length)
    assert server.requests == []


def test_an_output_that_cannot_be_written_is_named_before_anything_is_searched(server, export, tmp_path):
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "a", "text": "w9 w5"}\n')
    for output, said in ((tmp_path, "is a folder"), (queries / "run", "queries.jsonl cannot be written")):
        fails(f"--output: .*{said}", server, "search", export, "--queries", queries, "--output", output)
    assert server.requests == []


def test_options_that_are_not_utf8(server, export):
    half = b"\xff".decode("utf-8", "surrogateescape")  # as Python reads such an argument
    fails("--query: its bytes are not UTF-8", server, "search", export, "--query", half)
    fails("--index: its bytes are not UTF-8", server, "search", export, "--query", "w5", index=half)


def test_a_user_who_may_not(server, export, corpus):
    server.faults = [403]
    fails("403 .*Give a user that may", server, "search", export, "--query", "w9")
    server.faults = [401]
    fails("docs': 401 .*Give a user that may", server, "index", export, "--documents", corpus)


def test_a_server_of_something_else(server, export):
    server.faults = ["html"]
    fails("not an answer of OpenSearch", server, "search", export, "--query", "w9")


@pytest.mark.parametrize(
    "options",
    [
        ["--query", "w5", "--output", "run"],
        ["--queries", "q.jsonl"],
        ["--queries", "q.jsonl", "--output", "run", "--explain"],
        ["--query", "w5", "--top", "0"],
        [],
    ],
)
def test_options_that_do_not_go_together(options):
    with pytest.raises(SystemExit) as caught:
        main(["search", "--url", "http://h", "--index", "i", "--model", "m", *options])
    assert caught.value.code == 2
