"""A server between the client and an OpenSearch, with faults that can be switched on."""

import json
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Answer = tuple[int, str, bytes]  # status, Content-Type, body
Forward = Callable[[], Answer | None]  # None from a server that went away
# A status, "html" or "drop", or what is called in place of forwarding and returns an answer, or None to drop.
Fault = int | str | Callable[[Forward], Answer | None] | None


class Proxy(ThreadingHTTPServer):
    """Takes one of `faults` for each request, from the left; `bulk_faults` are those of bulk requests."""

    daemon_threads = True

    def __init__(self, upstream: str | None = None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream
        self.requests: list[tuple[str, str]] = []
        self.bulks: list[dict[str, int]] = []  # {document id: status} of each bulk request that was answered
        self.faults: list[Fault] = []
        self.bulk_faults: list[Fault] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        self.server.requests.append((self.command, path))
        is_bulk = path.endswith("_bulk")
        faults = self.server.bulk_faults if is_bulk else self.server.faults
        answer = self._faulty(faults.pop(0) if faults else None, lambda: self._forward(body))
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        status, kind, data = answer
        if is_bulk and status == 200:
            items = [item["index"] for item in json.loads(data)["items"]]
            self.server.bulks.append({item["_id"]: item["status"] for item in items})
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _faulty(self, fault: Fault, forward: Forward) -> Answer | None:
        if callable(fault):
            return fault(forward)
        if isinstance(fault, int):
            error = {"type": "circuit_breaking_exception", "reason": "too busy"}
            body = {"error": {"root_cause": [error], **error}, "status": fault}
            return fault, "application/json", json.dumps(body).encode()
        if fault == "html":
            return 200, "text/html", b"<html>hello</html>"
        return forward() if fault is None else None

    def _forward(self, body: bytes) -> Answer | None:
        connection = HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=60)
        headers = {name: self.headers[name] for name in ("Content-Type",) if name in self.headers}
        try:
            connection.request(self.command, self.path, body or None, headers)
            with connection.getresponse() as answer:
                return answer.status, answer.headers["Content-Type"], answer.read()
        except (OSError, HTTPException):
            return None

    do_GET = do_POST = do_PUT = do_DELETE = _answer
