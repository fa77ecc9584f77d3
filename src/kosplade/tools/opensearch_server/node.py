"""One node of OpenSearch as a process of its own: loopback only, its own data, never as root."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from kosplade.errors import UserError
from kosplade.tools.opensearch_server.install import find_java, install

READY = 180  # seconds: a start takes 20 on two free cores
STOPPED = 30  # seconds: an end takes one
# How much room the disk must have. The server's own limits are shares: at 90 % full, it creates no index.
ROOM = {"low": "2gb", "high": "1gb", "flood_stage": "500mb"}


class Node:
    """A server in `folder`: data, log and process id; `start` it, `stop` or `kill` it, `start` it again."""

    def __init__(self, folder: Path, port: int, heap: str = "1g") -> None:
        self.folder, self.port, self.heap = folder, port, heap
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "output.log"
        self._pid = folder / "pid"

    def start(self, **settings: object) -> None:
        """Start and wait until it answers; `settings` with `__` for dots are the server's. UserError if it ends."""
        home, java = install(), find_java()
        for name in ("data", "logs", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        settings = {
            "discovery__type": "single-node",
            "network__host": "127.0.0.1",
            "http__port": self.port,
            "transport__port": "0",
            "path__data": self.folder / "data",
            "path__logs": self.folder / "logs",
            **{f"cluster__routing__allocation__disk__watermark__{name}": size for name, size in ROOM.items()},
        } | settings
        environment = {
            "PATH": os.environ["PATH"],
            "JAVA_HOME": str(java),
            "OPENSEARCH_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap}",
            "OPENSEARCH_TMPDIR": str(self.folder / "tmp"),
        }
        if (home / "libtorch").exists():
            environment |= self._libtorch(home / "libtorch")
        command = [home / "bin/opensearch", *(f"-E{k.replace('__', '.')}={v}" for k, v in settings.items())]
        with self.log.open("w") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._not_root(),
            )
        self._pid.write_text(str(process.pid))
        self._wait(process)

    def stop(self, signal_: signal.Signals = signal.SIGTERM) -> bool:
        """End the server and wait for its end; False if none runs."""
        try:
            pid = int(self._pid.read_text())
            if b"org.opensearch" not in Path(f"/proc/{pid}/cmdline").read_bytes():  # the number is another's by now
                raise ProcessLookupError
            os.kill(pid, signal_)
        except (FileNotFoundError, ProcessLookupError):
            self._pid.unlink(missing_ok=True)
            return False
        until = time.monotonic() + STOPPED
        while not _has_ended(pid):
            if time.monotonic() > until:  # it was paused, or waits for a disk
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self._pid.unlink()
        return True

    def kill(self) -> None:
        """As a power cut would."""
        self.stop(signal.SIGKILL)

    def is_running(self) -> bool:
        """Whether it answers."""
        return health(self.url) is not None

    def _libtorch(self, libraries: Path) -> dict[str, str]:
        """What lets ml-commons deploy a model without a network: the variables of its DJL, and a file of its cache."""
        cache = self.folder / "data/ml_cache/pytorch/2.5.1-cpu-linux-x86_64"
        cache.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(libraries / "libdjl_torch.so", cache / "0.31.1-libdjl_torch.so")
        return {
            "PYTORCH_LIBRARY_PATH": str(libraries),
            "PYTORCH_VERSION": "2.5.1",
            "PYTORCH_FLAVOR": "cpu",
        }

    def _not_root(self) -> dict[str, object]:
        """What makes the process another user's: OpenSearch refuses to run as root."""
        if os.geteuid() != 0:
            return {}
        for path in [self.folder, *self.folder.rglob("*")]:
            shutil.chown(path, "nobody")
        return {"user": "nobody", "group": os.stat(self.folder).st_gid, "extra_groups": []}

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + READY
        while time.monotonic() < until and process.poll() is None:
            if self.is_running():
                return
            time.sleep(0.2)
        text = self.log.read_text(errors="replace")
        said = re.search(r"\w+(Exception|Error)(\[|: ).*", text) or re.search(r".*\Z", text.rstrip())
        self.kill()
        raise UserError(f"OpenSearch did not start within {READY} s: {said[0][:300]}. Its log: {self.log}")


def health(url: str) -> str | None:
    """The colour of the cluster at `url` if it has a node that works, None if it does not answer."""
    with (
        contextlib.suppress(OSError, ValueError, urllib.error.URLError),
        urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5) as answer,
    ):
        return json.load(answer)["status"]
    return None


def _has_ended(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours stays a zombie until it is asked for
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"  # of a parent that is slow
    except (FileNotFoundError, ProcessLookupError):
        return True
