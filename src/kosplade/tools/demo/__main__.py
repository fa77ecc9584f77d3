"""The page: `make demo`, or `python -m kosplade.tools.demo`; as a Space with --host 0.0.0.0."""

import argparse
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from kosplade.console import run_command, say
from kosplade.errors import UserError
from kosplade.files import parse_yaml, replacing
from kosplade.params import Params, load_params
from kosplade.paths import PREPARED, export_folder
from kosplade.report.experiments import experiment, git
from kosplade.tools.demo.serving import application
from kosplade.tools.options import positive

HERE = "127.0.0.1"
FETCHED = Path("outputs/demo")


def main(arguments: list[str]) -> None:
    """Serve until interrupted. Raises UserError for a taken port, and for a model that is not there or has no name."""
    options = _parse(arguments)
    try:
        listening = socket.create_server((options.host, options.port))
    except OSError as error:
        remedy = f"Choose another: make demo PORT={options.port + 1}"
        raise UserError(f"port {options.port} of {options.host}: {error.strerror}. {remedy}") from None
    exports = named([*sorted(Path().glob(str(export_folder("*")))), *map(export_of, options.model)])
    params, stopped = load_params(), threading.Event()
    os.environ.setdefault("TQDM_DISABLE", "1")  # read when tqdm is imported: the page shows the progress
    with ThreadPoolExecutor(1) as loader:
        starting = loader.submit(_start, options.dir, exports, params, stopped)
        loader.submit(lambda: starting.result().load())
        say("demo", f"http://{options.host}:{options.port} - Ctrl-C ends it")
        page = application(starting, is_public=options.host != HERE)
        try:
            uvicorn.Server(uvicorn.Config(page, log_level="warning")).run(sockets=[listening])
        except KeyboardInterrupt:  # how a page on one's own machine ends
            say("demo", "stopped")
        finally:
            stopped.set()


def _start(place: Path, exports: dict[str, Path], params: Params, stopped: threading.Event):
    """What the page shows, nothing of it loaded; the libraries alone take seconds."""
    from kosplade.tools.demo.columns import Bm25, Model
    from kosplade.tools.demo.shelf import Corpus
    from kosplade.tools.demo.showing import Views

    say("demo", "loaded the libraries")
    corpus = Corpus(place, params, stopped)
    models = {name: Model(name, folder, corpus) for name, folder in exports.items()}
    url, index = os.environ.get("OPENSEARCH_URL", ""), os.environ.get("OPENSEARCH_INDEX", "docs")
    return Views(corpus, models, Bm25(corpus), url, index)


def export_of(name: str) -> Path:
    """The folder of that name, else the export of an experiment or Git revision, brought out of DVC's cache once."""
    if Path(name).is_dir():
        return Path(name)
    try:
        commit = git("rev-parse", "--verify", "--end-of-options", f"{experiment(name) or name}^{{commit}}").strip()
        version = parse_yaml(git("show", f"{commit}:./params.yaml"))["version"]
    except (UserError, ValueError, KeyError, TypeError):
        raise UserError(f"--model: no folder, experiment or revision {name!r}. Run: dvc exp list -A") from None
    folder = FETCHED / commit[:7] / name
    if not folder.exists():
        say("demo", f"{name}: brings its export to {folder}, once")
        with replacing(folder) as target:
            asked = ("get", ".", str(export_folder(version)), "--rev", commit, "--out", str(target))
            if subprocess.run([sys.executable, "-m", "dvc", *asked]).returncode:
                raise UserError(f"--model: {name} has no export in DVC's cache. Run: dvc pull, or the experiment again")
    return folder


def named(folders: list[Path]) -> dict[str, Path]:
    """A short name for each export: its folder's, or its parent's where that is called `best`. Raises UserError."""
    names: dict[str, Path] = {}
    for folder in folders:
        name = folder.absolute().parent.name if folder.name == "best" else folder.absolute().name
        if names.setdefault(name, folder) != folder:
            raise UserError(
                f"--model: {names[name]} and {folder} are both called {name}. Leave one out, or rename its folder."
            )
    return dict(sorted(names.items()))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.demo", description=__doc__)
    parser.add_argument("--dir", type=Path, default=PREPARED, metavar="PATH", help="BEIR folder or JSONL file")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="DIR|NAME",
        help="an export, or an experiment that has one, beside huggingface/*/best; may be repeated",
    )
    parser.add_argument("--host", default=HERE, help="default: this machine alone")
    parser.add_argument("--port", type=positive, default=7860, metavar="N", help="default: 7860, as Spaces have it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
