"""A DVC repository to import into, a Git repository and a web server to import from."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from tools.imports.samples import MIRACL, dev, train

ROOT = Path(__file__).parents[3]


class Handler(SimpleHTTPRequestHandler):
    """Files with an ETag, as GitHub and the Hugging Face hub serve them; counts what was sent."""

    def do_GET(self) -> None:
        self.server.sent.append(self.path)
        super().do_GET()

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{hashlib.md5(path.read_bytes()).hexdigest()}"')
        super().end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


class Web:
    """A folder, its address, and the paths that were sent."""

    def __init__(self, folder: Path, server: ThreadingHTTPServer) -> None:
        self.folder, self.sent = folder, server.sent
        self.url = f"http://127.0.0.1:{server.server_port}"

    def put(self, name: str, data: bytes) -> str:
        """Serve a file; its address."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)
        return f"{self.url}/{name}"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        server.sent = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Web(folder, server)
        server.shutdown()


def run(folder: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess:
    names = {f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    variables = os.environ | names | {"PYTHONPATH": str(ROOT / "src"), "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


class Project:
    """A DVC repository with this project's pipeline and a registry of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, dict] = {}

    def know(self, name: str, /, **fields: object) -> None:
        """Add an entry to the registry."""
        texts = {key: f"{key} of {name}" for key in ("title", "size", "licence", "licence_note", "citation")}
        entry = {"name": name} | texts | fields
        if "urls" in entry:
            entry["urls"] = [url if isinstance(url, dict) else {"url": url} for url in entry["urls"]]
        self.entries[name] = entry
        with (self.folder / "data/registry.yaml").open("w", encoding="utf-8") as out:
            yaml.safe_dump({"datasets": list(self.entries.values())}, out, allow_unicode=True, sort_keys=False)

    def get(self, name: str) -> list[str]:
        """Import; what was printed."""
        return run(self.folder, sys.executable, "-m", "kosplade.tools.imports", name).stdout.splitlines()

    def fail(self, name: str) -> str:
        """Import what must fail; the one line that it said."""
        done = run(self.folder, sys.executable, "-m", "kosplade.tools.imports", name, check=False)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        return line

    def lines(self, path: str) -> list[dict]:
        return [json.loads(line) for line in (self.folder / path).read_text(encoding="utf-8").splitlines()]

    def files(self) -> set[str]:
        """Everything under data, by path."""
        return {
            path.relative_to(self.folder).as_posix() for path in (self.folder / "data").rglob("*") if path.is_file()
        }


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert "max_passage_chars: 220" in params
    (folder / "params.yaml").write_text(params.replace("max_passage_chars: 220", "max_passage_chars: 60"))
    run(folder, "git", "init", "-q")
    run(folder, sys.executable, "-m", "dvc", "init", "-q")
    return Project(folder)


class Source:
    """A Git repository with the data; `good` is the commit to pin, HEAD broke train.json."""

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        (folder / "dataset/v1").mkdir(parents=True)
        (folder / "dataset/v1/train.json").write_bytes(train())
        (folder / "dataset/v1/dev.json").write_bytes(dev())
        (folder / "dataset/miracl").mkdir()
        for name, data in MIRACL.items():
            (folder / "dataset/miracl" / name).write_bytes(data)
        run(folder, "git", "init", "-q")
        for message in ("good", "broken"):
            run(folder, "git", "add", "-A")
            run(folder, "git", "commit", "-qm", message)
            (folder / "dataset/v1/train.json").write_text("{}")
        self.good = run(folder, "git", "rev-parse", "HEAD~").stdout.strip()

    def entry(self, path: str, revision: str = "") -> dict:
        """Fields of a registry's entry that imports `path`."""
        files = {"train": ["v1/train.json"], "dev": ["v1/dev.json"]}
        return {"files": files, "git": {"url": self.url, "path": path, "revision": revision or self.good}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(tmp_path_factory.mktemp("source"))
