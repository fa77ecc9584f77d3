"""A real OpenSearch of a test's own, which it may set up and kill as it likes."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kosplade.errors import UserError
from kosplade.tools.opensearch_server.node import Node


@contextmanager
def own_node(**settings: object) -> Iterator[Node]:
    """A node at a free port, started with these settings and stopped at the end; where none starts as `opensearch`."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # another user runs it where root runs the tests; pytest's own folders are closed
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        yield from _started(Node(Path(folder), port), settings)


def _started(node: Node, settings: dict[str, object]) -> Iterator[Node]:
    try:
        node.start(**settings)
    except UserError as error:
        if os.environ.get("OPENSEARCH_NEEDED"):
            raise
        pytest.skip(f"no OpenSearch: {error}")
    try:
        yield node
    finally:
        node.stop()
