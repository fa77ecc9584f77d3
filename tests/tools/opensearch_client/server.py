"""A small OpenSearch over real HTTP, with faults that can be switched on; what an index does is in `lucene`."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tools.opensearch_client.lucene import Index, Refused, need


class Server(ThreadingHTTPServer):
    """Takes one of `faults` for each request, from the left: None, a status, "drop" or "html".

    `bulk_faults` are those of bulk requests, where {document id: (status, type)} fails single documents.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.indices: dict[str, Index] = {}
        self.requests: list[tuple[str, str]] = []
        self.bulks: list[list[str]] = []  # the ids of each bulk request that was answered
        self.largest = 1 << 30  # bytes of a request
        self.faults: list = []
        self.bulk_faults: list = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def named(self, name: str) -> Index:
        need(name in self.indices, f"no such index [{name}]", "index_not_found_exception", 404)
        return self.indices[name]


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        self.server.requests.append((method, url.path))
        faults = self.server.bulk_faults if url.path.endswith("_bulk") else self.server.faults
        fault = faults.pop(0) if faults else None
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
            return
        if fault == "html":
            data = b"<html>hello</html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return
        try:
            need(len(raw) <= self.server.largest, "too large", "content_too_long_exception", 413)
            if isinstance(fault, int):
                raise Refused(fault, "circuit_breaking_exception", "too busy")
            if raw:
                allowed = ("application/json", "application/x-ndjson") if "_bulk" in url.path else ("application/json",)
                need(self.headers["Content-Type"].split(";")[0] in allowed, "Content-Type", status=406)
            status, body = (
                200,
                self._route(method, url.path.strip("/").split("/"), dict(parse_qsl(url.query)), raw, fault),
            )
        except Refused as refused:
            status, body = refused.status, refused.body()
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _route(self, method: str, parts: list[str], params: dict, raw: bytes, fault: dict | None):
        server, name = self.server, parts[0]
        match (method, *parts[1:]):
            case ("POST",) if name == "_bulk":
                need(not params, f"parameters {params}")
                return self._bulk(raw, fault or {})
            case ("PUT",):
                need(
                    name == name.lower() and name[0] not in "_-+", "Invalid index name", "invalid_index_name_exception"
                )
                need(name not in server.indices, f"index [{name}] exists", "resource_already_exists_exception")
                server.indices[name] = Index(json.loads(raw))
                return {"acknowledged": True, "shards_acknowledged": True, "index": name}
            case ("DELETE",):
                server.named(name)
                del server.indices[name]
                return {"acknowledged": True}
            case ("GET", "_mapping"):
                return {name: {"mappings": server.named(name).mappings}}
            case ("POST", "_refresh"):
                server.named(name)
                return {"_shards": {"total": 1, "successful": 1, "failed": 0}}
            case ("POST" | "GET", "_count"):
                return {"count": len(server.named(name).sources), "_shards": {"total": 1, "successful": 1, "failed": 0}}
            case ("POST" | "GET", "_mget"):
                need(params == {"_source_includes": "text_sha256"}, f"parameters {params}")
                sources = server.named(name).sources
                return {"docs": [self._got(name, id_, sources.get(id_)) for id_ in json.loads(raw)["ids"]]}
            case ("POST", "_search"):
                need(params == {"allow_partial_search_results": "false"}, f"parameters {params}")
                hits = server.named(name).search(json.loads(raw))
                return {
                    "took": 1,
                    "timed_out": False,
                    "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
                    "hits": {"max_score": hits[0]["_score"] if hits else None, "hits": hits},
                }
        raise Refused(405, "method_not_allowed", f"{method} {parts}")

    @staticmethod
    def _got(name: str, document_id: str, source: dict | None) -> dict:
        if source is None:
            return {"_index": name, "_id": document_id, "found": False}
        included = {"text_sha256": source["text_sha256"]}
        return {"_index": name, "_id": document_id, "_version": 1, "found": True, "_source": included}

    def _bulk(self, raw: bytes, faults: dict[str, tuple[int, str]]) -> dict:
        need(raw.endswith(b"\n"), "The bulk request must be terminated by a newline [\\n]")
        lines = raw.decode().split("\n")[:-1]
        need(len(lines) % 2 == 0 and all(lines), "Malformed action/metadata line")
        items = []
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            action = json.loads(action)
            need(list(action) == ["index"] and set(action["index"]) == {"_id", "_index"}, f"Malformed action {action}")
            item = dict(action["index"])
            try:
                if item["_id"] in faults:
                    raise Refused(*faults[item["_id"]], "switched on")
                self.server.named(item["_index"]).put(item["_id"], json.loads(source))
                item |= {"status": 201, "result": "created"}
            except Refused as refused:
                item |= {"status": refused.status, "error": refused.body()["error"] | {"root_cause": []}}
            items.append({"index": item})
        self.server.bulks.append([item["index"]["_id"] for item in items])
        return {"took": 1, "errors": any("error" in item["index"] for item in items), "items": items}

    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self._answer("POST")

    def do_PUT(self):
        self._answer("PUT")

    def do_DELETE(self):
        self._answer("DELETE")
