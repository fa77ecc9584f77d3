"""Every problem is one line that names the thing, the place and the remedy."""

import json
import socket

import pytest
from tools.opensearch_client import lucene
from tools.opensearch_client.conftest import run
from tools.opensearch_client.lucene import Index

from kosplade.errors import UserError
from kosplade.tools.opensearch import connection
from kosplade.tools.opensearch.__main__ import main


def fails(match, command, *arguments, **options):
    with pytest.raises(UserError, match=match):
        run(command, *arguments, **options)


def test_a_url_that_does_not_answer(server, export):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{free.getsockname()[1]}"
    shown = url.replace("user:secret@", "")
    fails(rf"^{shown}: no answer \(.*refused\)\. Start", "search", server, export, "--query", "w9", url=url)


@pytest.mark.parametrize("url", ["localhost:9200", "http://", "http://h:port", "ftp://h", "http://user@h"])
def test_what_is_no_url(server, export, url):
    fails("--url: http.* is expected", "search", server, export, "--query", "w9", url=url)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        (None, "index 'docs' not found. Make it: "),
        (401, "docs': 401 .*Give a user that may"),
        (403, "403 .*Give a user that may"),
        ("html", "not an answer of OpenSearch"),
    ],
)
def test_an_answer_that_is_none_of_an_index(server, export, fault, match):
    server.faults = [fault]
    fails(match, "search", server, export, "--query", "w9")


def test_an_index_of_someone_else(server, export, corpus):
    server.indices["docs"] = Index({"mappings": {"_meta": {}, "dynamic": "strict", "properties": {}}})
    fails("so it is not ours", "search", server, export, "--query", "w9")
    fails("so it is not ours", "index", server, export, "--documents", corpus, "--recreate")
    assert "docs" in server.indices


def test_an_index_of_another_mapping(server, export, corpus):
    run("index", server, export, "--documents", corpus)
    server.indices["docs"].mappings["properties"]["features"] = {"type": "text"}
    for command, *options in (("search", "--query", "w9"), ("index", "--documents", corpus)):
        fails("field 'features' is text, not rank_features", command, server, export, *options)


def test_a_name_that_the_server_refuses(server, export, corpus):
    match = "index 'Docs': 400 invalid_index_name_exception: Invalid index name"
    fails(match, "index", server, export, "--documents", corpus, index="Docs")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"_id": "d3", "text": "w5"}', ":31: _id 'd3' occurs twice"),
        (json.dumps({"_id": "가" * 171, "text": "w5"}), ":31: an _id of more than 512 bytes"),
    ],
)
def test_a_broken_document_is_named_before_anything_is_sent(server, export, corpus, line, match):
    corpus.write_text(corpus.read_text() + line + "\n")
    fails(match, "index", server, export, "--documents", corpus)
    assert server.requests == []


def test_files_that_are_empty(server, export, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    fails("no documents", "index", server, export, "--documents", empty)
    fails("no queries", "search", server, export, "--queries", empty, "--output", tmp_path / "run")


def test_documents_that_the_server_refuses(server, export, corpus):
    server.bulk_faults = [dict.fromkeys(("d7", "d9"), (400, "mapper_parsing_exception"))]
    match = "2 documents were refused, the first, 'd7', with 400 mapper_parsing_exception: .*28 were indexed"
    fails(match, "index", server, export, "--documents", corpus)


def test_a_document_that_is_too_large_for_a_request_is_named(server, export, corpus):
    lines = corpus.read_text().splitlines()
    long = json.dumps({"_id": "서울 안내 7", "text": "w5 " * 9000})
    corpus.write_text("\n".join([*lines[:9], long, *lines[10:]]) + "\n")
    server.largest = 20_000
    match = "document '서울 안내 7' alone is more than the server takes .*413.* 9 were indexed: shorten it"
    fails(match, "index", server, export, "--documents", corpus)
    server.largest = 2_000  # a few documents
    corpus.write_text("\n".join(lines[:9] + lines[10:]) + "\n")
    run("index", server, export, "--documents", corpus)
    assert len(server.indices["docs"].sources) == 29


def test_a_server_that_stays_busy(server, export, corpus, monkeypatch):
    monkeypatch.setattr(connection, "RETRIES", 1)
    server.bulk_faults = [429] * 20
    fails("429 circuit_breaking_exception: too busy. The server was", "index", server, export, "--documents", corpus)


def test_a_query_of_more_pieces_than_the_server_takes(server, export, corpus, tmp_path, monkeypatch):
    run("index", server, export, "--documents", corpus)
    monkeypatch.setattr(lucene, "MAX_CLAUSES", 2)
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "a", "text": "w9 w5"}\n{"_id": "b", "text": "w9 w5 w8"}\n')
    match = r"index 'docs': query 'b' has 3 pieces, the server takes 2\. Shorten .*max_clause_count\.$"
    fails(match, "search", server, export, "--queries", queries, "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    fails("the query has 3 pieces", "search", server, export, "--query", "w9 w5 w8")


def test_what_can_be_checked_is_checked_before_a_request(server, export, corpus, tmp_path):
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "a", "text": "w9 w5"}\n')
    for length, said in ((1024, "at most 512 pieces"), (2, "2 are special pieces")):
        fails(said, "index", server, export, "--documents", corpus, "--max-document-length", length)
        fails(said, "search", server, export, "--query", "w9", "--max-query-length", length)
    fails("--output: .*is a folder", "search", server, export, "--queries", queries, "--output", tmp_path)
    half = b"\xff".decode("utf-8", "surrogateescape")  # as Python reads such an argument
    fails("--query: its bytes are not UTF-8", "search", server, export, "--query", half)
    assert server.requests == []


@pytest.mark.parametrize(
    "options",
    [["--query", "w5", "--output", "run"], ["--queries", "q"], ["--queries", "q", "--output", "run", "--explain"]],
)
def test_options_that_do_not_go_together(options):
    with pytest.raises(SystemExit) as caught:
        main(["search", "--url", "http://h", "--index", "i", "--model", "m", *options])
    assert caught.value.code == 2
