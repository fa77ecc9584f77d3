"""Start or stop an OpenSearch on this machine: `python -m kosplade.tools.opensearch_server up|down`."""

import argparse
import os
import shutil
import subprocess
from pathlib import Path

from kosplade.console import run_command, say
from kosplade.errors import UserError
from kosplade.tools.opensearch.connection import shown
from kosplade.tools.opensearch_server.install import VERSION, cache_folder
from kosplade.tools.opensearch_server.node import Node, health

PORT = 9200
_COMPOSE = ["docker", "compose", "--file", str(Path(__file__).parents[4] / "compose.yaml")]


def main(arguments: list[str]) -> None:
    """Run the command line; UserError where no server can be had."""
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.opensearch_server", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    (up if parser.parse_args(arguments).command == "up" else down)()


def up() -> None:
    """Start a server by Docker, or one from Maven Central; with OPENSEARCH_URL, look whether that one answers."""
    if url := os.environ.get("OPENSEARCH_URL"):
        if not health(url):
            raise UserError(f"OPENSEARCH_URL: no OpenSearch answers at {shown(url)}. Start it, or unset the variable.")
        return say("opensearch", f"{shown(url)} answers: nothing to start")
    node = _node()
    if node.is_running():
        return say("opensearch", f"{node.url} answers: nothing to start")
    if _has_docker():
        if subprocess.run([*_COMPOSE, "up", "--detach", "--wait", "--build"], check=False).returncode:
            raise UserError("docker compose could not start OpenSearch: see above.")
    else:
        say("opensearch", f"starting {VERSION} in {node.folder}; the first time, 690 MB come from Maven Central")
        node.start()
    return say("opensearch", f"ready: {node.url}")


def down() -> None:
    """Stop what `up` started; its data stay."""
    if _node().stop():
        return say("opensearch", "stopped")
    if _has_docker():
        subprocess.run([*_COMPOSE, "down"], check=False)
        return None
    return say("opensearch", "none runs that make opensearch-up started")


def _node() -> Node:
    return Node(cache_folder() / "node", PORT, os.environ.get("OPENSEARCH_HEAP", "1g"))


def _has_docker() -> bool:
    return (
        bool(shutil.which("docker"))
        and not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    )


if __name__ == "__main__":
    run_command(main)
