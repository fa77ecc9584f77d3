"""Two small random exports that read Korean, a corpus of written questions, the page over them."""

import json
import shutil
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest
import torch
import uvicorn
from tiny_models import QUERIES, write_tiny_model

from kosplade.export.huggingface import write_folder
from kosplade.model import Counting, SparseEncoder
from kosplade.params import load_params
from kosplade.paths import STOPWORDS
from kosplade.tools.demo.columns import Bm25, Model
from kosplade.tools.demo.serving import application
from kosplade.tools.demo.shelf import Corpus
from kosplade.tools.demo.showing import Views
from kosplade.vocab.pieces import read_stopwords, special_ids, stopword_ids
from kosplade.vocab.tokenizer import load_tokenizer

ROOT = Path(__file__).parents[3]
PARAMS = load_params(ROOT / "params.yaml")
TEXTS = [json.loads(line)["query"] for line in QUERIES.read_text(encoding="utf-8").splitlines()[:60]]
ASKED = [" ".join(text.split()[:3]) for text in TEXTS[::6]]  # each finds the text that it was taken from
HYBRID_WEIGHT = {"inference_free": 0.8, "encoded": 0.3}
COUNTING = Counting(k1=0.5, b=0.5, mean_length=20.0, floor_per_idf=0.1, query_idf=1.0)


@pytest.fixture(scope="session")
def exports(tmp_path_factory) -> dict[str, Path]:
    """v24 serves stopwords and counts every piece as 1, v25 hides them and has weights of its own."""
    place = tmp_path_factory.mktemp("exports")
    write_tiny_model(place / "model")
    tokenizer = load_tokenizer(place / "model")
    pieces = torch.arange(len(tokenizer))
    for name, hidden, weights_V in (
        ("v24", special_ids(tokenizer), torch.ones(len(tokenizer))),
        ("v25", stopword_ids(read_stopwords(ROOT / STOPWORDS), tokenizer), 1 + pieces % 5),
    ):
        hidden_V = torch.isin(pieces, torch.tensor(hidden))
        (place / name).mkdir()
        encoder = SparseEncoder.load(place / "model")
        query_weight_V = torch.where(hidden_V, 0.0, weights_V)
        every_V = torch.ones(len(tokenizer), dtype=torch.bool)
        write_folder(encoder, tokenizer, hidden_V, query_weight_V, every_V, COUNTING, HYBRID_WEIGHT, place / name)
    return {name: place / name for name in ("v24", "v25")}


def write_beir(folder: Path) -> Path:
    """The texts, and of each question one relevant document, that which it was taken from, and one that is not.

    Of the last ones it is the other way round, so that systems differ.
    """
    (folder / "qrels").mkdir(parents=True)
    texts = [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(TEXTS)]
    queries = [{"_id": f"q{i}", "text": text, "kind": "question"} for i, text in enumerate(ASKED)]
    for name, rows in (("corpus", texts), ("queries", queries)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    judged = "".join(f"q{i}\td{6 * i + (i > 6)}\t1\nq{i}\td{6 * i + (i <= 6)}\t0\n" for i in range(len(ASKED)))
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The working folder of a test, with the stopwords."""
    (tmp_path / STOPWORDS).parent.mkdir()
    shutil.copy(ROOT / STOPWORDS, tmp_path / STOPWORDS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def open_views(place: Path, exports: dict[str, Path], url: str = "", index: str = "docs") -> Views:
    """Not loaded yet."""
    corpus = Corpus(place, PARAMS, threading.Event())
    models = {name: Model(name, folder, corpus) for name, folder in exports.items()}
    return Views(corpus, models, Bm25(corpus), url, index)


@pytest.fixture(scope="session")
def loaded(exports, tmp_path_factory) -> Views:
    """All of it, loaded once for every test that only looks."""
    place = tmp_path_factory.mktemp("demo")
    (place / STOPWORDS).parent.mkdir()
    shutil.copy(ROOT / STOPWORDS, place / STOPWORDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        views = open_views(write_beir(place / "beir"), exports)
        views.load()
    assert [thing.error for thing in views.things if not thing.is_ready] == []
    return views


class Served:
    """A page at an address of its own, in a thread."""

    def __init__(self, views: Views | None):
        self.starting: Future[Views] = Future()
        if views:
            self.starting.set_result(views)
        self.server = uvicorn.Server(
            uvicorn.Config(application(self.starting), port=0, log_level="warning", lifespan="off")
        )
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> "Served":
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.address = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()
