"""A server and a client that are killed, a server that is overrun: each document is there once, with the same score."""

import os
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from own_node import own_node
from tools.opensearch_client.conftest import INDEX, fails, run, write_corpus

from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch import connection, feeding

pytestmark = pytest.mark.full
COUNT = 900
# One thread writes and one request may wait; a request of 200 kB is too large.
SMALL = {"thread_pool__write__size": 1, "thread_pool__write__queue_size": 1, "http__max_content_length": "200kb"}


@pytest.fixture(scope="module")
def node():
    with own_node(**SMALL) as running:
        yield running


@pytest.fixture
def opensearch(node):
    return node.url


@pytest.fixture
def many(tmp_path, monkeypatch):
    monkeypatch.setattr(feeding, "BATCH", 60)
    return write_corpus(tmp_path / "many.jsonl", [f"w{5 + i % 35} w{5 + i * 7 % 33}" for i in range(COUNT)])


@pytest.fixture
def scores(server, export, tmp_path):
    """What a query finds among all documents: {document id: score}."""

    def ask(index):
        (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "w9 w12 w30"}\n')
        options = ("--queries", tmp_path / "queries.jsonl", "--output", tmp_path / "run", "--top", COUNT)
        run("search", server, export, *options, index=index)
        return read_run(tmp_path / "run")["q"]

    return ask


def test_a_server_that_is_killed_and_started_again(server, node, client, export, many, scores, capsys):
    def kill(forward):
        threading.Thread(target=forward).start()
        node.kill()

    run("index", server, export, "--documents", many, index=f"{INDEX}-whole")
    server.bulks, server.bulk_faults = [], [None] * 5 + [kill]
    fails("no answer .*run the same command again", "index", server, export, "--documents", many)
    answered = {id_ for ids in server.bulks for id_ in ids}
    assert len(answered) == 300
    node.start(**SMALL)
    server.bulks = []
    run("index", server, export, "--documents", many)
    assert not answered & {id_ for ids in server.bulks for id_ in ids}  # what was answered outlives a power cut
    assert f"the index holds {COUNT}" in capsys.readouterr().out
    found = scores(INDEX)
    assert len(found) > 100
    assert found == scores(f"{INDEX}-whole")
    client.indices.delete(index=f"{INDEX}-whole")


def test_a_client_that_is_killed(server, client, export, many, capsys):
    command = [sys.executable, "-m", "kosplade.tools.opensearch", "index", "--url", server.url, "--index", INDEX]
    command += ["--model", export, "--documents", many]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": "src"})

    def kill(forward):
        process.kill()
        forward()

    server.bulk_faults = [None, kill]
    assert process.wait(120) == -signal.SIGKILL
    run("index", server, export, "--documents", many)
    assert f"the index holds {COUNT}" in capsys.readouterr().out
    sent = [id_ for ids in server.bulks for id_ in ids]
    assert sorted(sent) == sorted(set(sent))
    assert client.count(index=INDEX)["count"] == COUNT


def test_a_full_queue_is_waited_out(server, node, client, export, corpus, monkeypatch, capsys):
    monkeypatch.setattr(connection, "BACKOFF", 0.5)
    slow = {"script": {"source": "for (int i = 0; i < 900000; i++) { ctx.n = i }"}}
    client.ingest.put_pipeline(id="slow", body={"processors": [slow]})
    client.indices.create(index="slow")

    occupied = threading.Event()

    def occupy():
        to = HTTPConnection(urlsplit(node.url).netloc, timeout=120)
        lines = '{"index": {}}\n{"n": 0}\n' * 300
        while not occupied.is_set():  # a request lasts a second or two, which a busy machine may sleep through
            to.request("POST", "/slow/_bulk?pipeline=slow", lines, {"Content-Type": "application/x-ndjson"})
            to.getresponse().read()

    def begin(forward):
        for thread in threads:
            thread.start()
        until = time.monotonic() + 60
        while not int(client.cat.thread_pool(thread_pool_patterns="write", format="json", h="queue")[0]["queue"]):
            assert time.monotonic() < until, "nothing waits in the queue"
            time.sleep(0.05)
        answer = forward()
        occupied.set()
        return answer

    threads = [threading.Thread(target=occupy, daemon=True) for _ in range(3)]  # one is worked on, one waits
    server.bulk_faults = [begin]
    try:
        run("index", server, export, "--documents", corpus)
    finally:
        occupied.set()
    for thread in threads:
        thread.join()
    assert set(server.bulks[0].values()) == {429}
    assert set(server.bulks[-1].values()) == {201}
    assert "30 documents indexed, 0 were there; the index holds 30" in capsys.readouterr().out
    client.indices.delete(index="slow")


def test_a_document_that_is_too_large_for_a_request_is_named(server, client, export, corpus):
    lines = corpus.read_text().splitlines()
    lines[9] = '{"_id": "서울 안내 7", "text": "' + "w5 " * 90_000 + '"}'
    corpus.write_text("\n".join(lines) + "\n")
    match = "document '서울 안내 7' alone is more than the server takes .*413.* 9 were indexed: shorten it"
    fails(match, "index", server, export, "--documents", corpus)
    write_corpus(corpus, [f"w{5 + i}" + " w6" * 5000 for i in range(30)])  # a few fit into a request
    run("index", server, export, "--documents", corpus)
    assert client.count(index=INDEX)["count"] == 30
    assert len(server.bulks[-1]) < 30
