"""Every problem is one line that names the thing, the place and the remedy; here those before a server has a say."""

import json
import socket

import pytest
from tools.opensearch_client.conftest import fails

from kosplade.tools.opensearch.__main__ import main


def test_a_url_that_does_not_answer(export):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{free.getsockname()[1]}"
    shown = url.replace("user:secret@", "")
    fails(rf"^{shown}: no answer \(.*refused\)\. Start", "search", None, export, "--query", "w9", url=url)


@pytest.mark.parametrize("url", ["localhost:9200", "http://", "http://h:port", "ftp://h", "http://user@h"])
def test_what_is_no_url(export, url):
    fails("--url: http.* is expected", "search", None, export, "--query", "w9", url=url)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        (401, "'docs-[0-9]+': 401 .*Give a user that may"),
        (403, "403 .*Give a user that may"),
        ("html", "not an answer of OpenSearch"),
    ],
)
def test_an_answer_that_is_none_of_an_index(nobody, export, fault, match):
    nobody.faults = [fault]
    fails(match, "search", nobody, export, "--query", "w9")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"_id": "d3", "text": "w5"}', ":31: _id 'd3' occurs twice"),
        (json.dumps({"_id": "가" * 171, "text": "w5"}), ":31: an _id of more than 512 bytes"),
    ],
)
def test_a_broken_document_is_named_before_anything_is_sent(nobody, export, corpus, line, match):
    corpus.write_text(corpus.read_text() + line + "\n")
    fails(match, "index", nobody, export, "--documents", corpus)
    assert nobody.requests == []


def test_files_that_are_empty(nobody, export, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    fails("no documents", "index", nobody, export, "--documents", empty)
    fails("no queries", "search", nobody, export, "--queries", empty, "--output", tmp_path / "run")


def test_what_can_be_checked_is_checked_before_a_request(nobody, export, corpus, tmp_path):
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "a", "text": "w9 w5"}\n')
    for length, said in ((1024, "at most 512 pieces"), (2, "2 are special pieces")):
        fails(said, "index", nobody, export, "--documents", corpus, "--max-document-length", length)
        fails(said, "search", nobody, export, "--query", "w9", "--max-query-length", length)
    fails("--output: .*is a folder", "search", nobody, export, "--queries", queries, "--output", tmp_path)
    half = b"\xff".decode("utf-8", "surrogateescape")  # as Python reads such an argument
    fails("--query: its bytes are not UTF-8", "search", nobody, export, "--query", half)
    assert nobody.requests == []


@pytest.mark.parametrize(
    "options",
    [["--query", "w5", "--output", "run"], ["--queries", "q"], ["--queries", "q", "--output", "run", "--explain"]],
)
def test_options_that_do_not_go_together(options):
    with pytest.raises(SystemExit) as caught:
        main(["search", "--url", "http://h", "--index", "i", "--model", "m", *options])
    assert caught.value.code == 2
