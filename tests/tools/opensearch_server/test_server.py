"""A server out of Maven Central: what it needs, what it has, that it starts, stops and starts again."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from own_node import own_node

from kosplade.errors import UserError
from kosplade.tools.opensearch_server import install
from kosplade.tools.opensearch_server.__main__ import main
from kosplade.tools.opensearch_server.node import Node, health

PLUGINS = {"analysis-nori", "opensearch-job-scheduler", "opensearch-knn", "opensearch-ml", "opensearch-neural-search"}


def ask(url: str, path: str, body: dict | None = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


@pytest.mark.full
def test_a_node_has_the_plugins_keeps_its_data_and_is_not_root():
    with own_node() as node:
        plugins = ask(node.url, "/_cat/plugins?h=component").split()
        assert set(plugins) == {"analysis-nori"} | {
            f"opensearch-{n}" for n in ("job-scheduler", "knn", "ml", "neural-search")
        }
        limits = ask(node.url, "/_nodes/settings?filter_path=**.watermark")
        assert '"flood_stage":"500mb"' in limits  # of the disk: by the server's own, a share, a large one is soon full
        tokens = json.loads(ask(node.url, "/_analyze", {"analyzer": "nori", "text": "가곡역에서 결제를 취소했습니다"}))
        assert [one["token"] for one in tokens["tokens"]] == ["가곡", "역", "결제", "취소"]
        ask(node.url, "/docs/_doc?refresh", {"a": 1})
        assert health(node.url) in ("green", "yellow")  # yellow: one node holds no copies
        assert os.stat(node.folder / "data").st_uid != 0
        assert node.stop()
        assert not node.is_running()
        assert not node.stop()
        with pytest.raises(UserError, match=r"did not start .*unknown setting \[no\.such\].* Its log: "):
            node.start(no__such=1)
        node.start()
        assert json.loads(ask(node.url, "/docs/_count"))["count"] == 1


def test_a_process_that_has_the_number_of_a_server_of_before_is_left_alone(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (tmp_path / "pid").write_text(str(other.pid))
        assert not Node(tmp_path, 1).stop()
        assert other.poll() is None


def test_another_server_is_only_asked_whether_it_answers(monkeypatch):
    monkeypatch.setenv("OPENSEARCH_URL", "http://user:secret@127.0.0.1:1")
    with pytest.raises(UserError, match=r"no OpenSearch answers at http://127\.0\.0\.1:1\. Start it"):
        main(["up"])


def test_java_is_found_where_it_is_new_enough(monkeypatch, tmp_path):
    for name, version in (("old", 17), ("new", install.JAVA)):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/javac").touch()
        (tmp_path / name / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}.0.2"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    assert install.find_java() == tmp_path / "new"
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(install, "JVMS", tmp_path / "none")
    with pytest.raises(UserError, match=r"No JDK 21 or later in JAVA_HOME, PATH or .* start Docker"):
        install.find_java()


@pytest.mark.parametrize(
    ("mvn", "match"),
    [
        (None, r"Maven \(mvn\) is not in PATH\. Install it"),
        ("echo '[ERROR] Could not transfer artifact: no such host'; exit 1", "mvn: .*no such host"),
        ("touch ${5#*=}/a-1.zip", "a:a:1:zip has sha256 e3b0c4.*, not 00. Delete it"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(monkeypatch, tmp_path, mvn, match):
    if mvn:
        (tmp_path / "mvn").write_text(f"#!/bin/sh\n{mvn}\n")
        (tmp_path / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if mvn else str(tmp_path))
    with pytest.raises(UserError, match=match) as caught:
        install.fetch("a:a:1:zip", "00", Path(tmp_path))
    assert "\n" not in str(caught.value)
