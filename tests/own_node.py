"""A real OpenSearch of a test's own, which it may set up and kill as it likes."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kosplade.errors import UserError
from kosplade.tools.opensearch_server.node import Node


@contextmanager
def own_node(folder: Path, **settings: object) -> Iterator[Node]:
    """A node at a free port, started with these settings and stopped at the end; where none starts as `opensearch`."""
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)  # pytest's are its own, and the server is another user's where root runs the tests
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        node = Node(folder, free.getsockname()[1])
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
