"""The same work by actors of Ray: the same bytes, also where a node dies in the middle."""

import threading

import pytest
from tools.encode.conftest import RECORDS, write_records
from tools.encode.test_encode import encode, files

from kosplade.errors import UserError
from kosplade.tools.variants.__main__ import main as write_variant

pytestmark = pytest.mark.full


@pytest.fixture
def inputs(tmp_path):
    """Three files of 300 documents."""
    (tmp_path / "inputs").mkdir()
    for name in ("a.jsonl", "b.jsonl.gz", "c.parquet"):
        many = [record | {"_id": f"{name}-{i}-{record['_id']}"} for i in range(30) for record in RECORDS]
        write_records(tmp_path / "inputs" / name, many)
    return tmp_path / "inputs"


def test_actors_write_the_same_bytes(export, inputs, tmp_path, capfd):
    encode(export, inputs, tmp_path / "here", "--shard-lines", 50)
    encode(export, inputs, tmp_path / "ray", "--shard-lines", 50, "--ray", "--actors", 2)
    assert "2 actors, 1 threads each" in capfd.readouterr().out
    assert len(files(tmp_path / "here")) == 18
    assert files(tmp_path / "ray") == files(tmp_path / "here")
    (tmp_path / "inputs/d.jsonl").write_text("oops\n")
    with pytest.raises(UserError, match=r"--strict: .*d.jsonl:1: not valid JSON"):
        encode(export, inputs, tmp_path / "strict", "--ray", "--strict")


def test_counts_are_the_same_to_the_bit(export, inputs, tmp_path):
    (export / "sentence_bert_config.json").write_text('{"query_length": 8, "max_seq_length": 8}')
    for name, options in (("here", []), ("ray", ["--ray"])):
        write_variant([str(export), str(tmp_path / name), "--kind", "recounted", "--texts", str(inputs), *options])
    assert (tmp_path / "here/idf.json").read_bytes() == (tmp_path / "ray/idf.json").read_bytes()


def test_a_node_that_dies_loses_nothing(export, inputs, tmp_path):
    from ray.cluster_utils import Cluster

    encode(export, inputs, tmp_path / "here", "--shard-lines", 10)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    output, killed, is_over = tmp_path / "ray", [], threading.Event()
    other = cluster.add_node(num_cpus=1)

    def kill():
        while len(list(output.glob("*.parquet"))) < 5:
            if is_over.wait(0.01):
                return
        cluster.remove_node(other, allow_graceful=False)
        killed.append(len(list(output.glob("*.parquet"))))

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        encode(export, inputs, output, "--shard-lines", 10, "--ray", cluster.address, "--actors", 2)
    finally:
        is_over.set()
        thread.join()
        cluster.shutdown()
    assert killed[0] < 90
    assert files(output) == files(tmp_path / "here")


def test_a_cluster_that_is_not_there_is_one_line(export, inputs, tmp_path):
    with pytest.raises(UserError, match=r"--ray: no cluster at 127\.0\.0\.1:1 .*ray start --head"):
        encode(export, inputs, tmp_path / "out", "--ray", "127.0.0.1:1")
