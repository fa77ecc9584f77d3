"""A small OpenSearch over real HTTP: it refuses what the real one refuses, keeps and scores features as Lucene does.

Written from OpenSearch's RankFeaturesFieldMapper and RankFeatureQueryBuilder and Lucene's FeatureField.
"""

import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import numpy as np

MIN_NORMAL = 1.17549435e-38
TYPES = {
    "rank_features": set(),
    "text": {"index"},
    "keyword": {"index", "doc_values"},
}


class Refused(Exception):
    def __init__(self, status: int, kind: str, reason: str):
        super().__init__(reason)
        self.status, self.kind, self.reason = status, kind, reason

    def body(self) -> dict:
        error = {"type": self.kind, "reason": self.reason}
        return {"error": {"root_cause": [error], **error}, "status": self.status}


def need(is_right: bool, reason: str, kind: str = "illegal_argument_exception", status: int = 400) -> None:
    if not is_right:
        raise Refused(status, kind, reason)


def kept(weight: float) -> float:
    """FeatureField: `floatToIntBits >> 15` is stored as a term frequency."""
    bits = np.float32(weight).view(np.uint32) >> np.uint32(15) << np.uint32(15)
    return float(bits.view(np.float32))


class Index:
    def __init__(self, body: dict):
        need(set(body) <= {"mappings", "settings"}, f"unknown keys {sorted(body)}", "parse_exception")
        self.mappings = body["mappings"]
        need(set(self.mappings) == {"_meta", "dynamic", "properties"}, "root mapping", "mapper_parsing_exception")
        for name, field in self.mappings["properties"].items():
            parameters = set(field) - {"type"}
            need(parameters <= TYPES[field["type"]], f"[{name}] {parameters}", "mapper_parsing_exception")
        self.sources: dict[str, dict] = {}
        self.features: dict[str, dict[str, float]] = {}

    def put(self, document_id: str, source: dict) -> None:
        need(0 < len(document_id.encode()) <= 512, "id is too long", "action_request_validation_exception")
        properties, features = self.mappings["properties"], {}
        for name, value in source.items():
            need(name in properties, f"[{name}] is not allowed", "strict_dynamic_mapping_exception")
            if properties[name]["type"] != "rank_features":
                need(isinstance(value, str), f"[{name}] is no string", "mapper_parsing_exception")
                continue
            need(isinstance(value, dict), "[rank_features] fields must be json objects", "mapper_parsing_exception")
            for feature, weight in value.items():
                need(bool(feature) and "." not in feature, f"feature name [{feature}]", "mapper_parsing_exception")
                need(type(weight) in (int, float) and math.isfinite(weight), f"weight {weight}")
                need(np.float32(weight) >= MIN_NORMAL, f"featureValue must be a positive normal float, got: {weight}")
                features[f"{name}.{feature}"] = kept(weight)
        self.sources.pop(document_id, None)  # an updated document comes last: ties are in that order
        self.sources[document_id], self.features[document_id] = source, features

    def search(self, body: dict) -> list[dict]:
        need(set(body) == {"size", "query", "_source", "track_total_hits"}, f"keys {sorted(body)}", "parsing_exception")
        need(type(body["size"]) is int and 0 < body["size"] <= 10_000, "Result window is too large")
        need(body["track_total_hits"] is False, "track_total_hits")
        need(
            list(body["query"]) == ["bool"] and list(body["query"]["bool"]) == ["should"], "query", "parsing_exception"
        )
        clauses = body["query"]["bool"]["should"]
        need(len(clauses) <= 1024, "maxClauseCount is set to 1024", "too_many_clauses")
        boosts: dict[str, float] = {}
        for clause in clauses:
            need(list(clause) == ["rank_feature"], f"clause {clause}", "parsing_exception")
            query = clause["rank_feature"]
            need(set(query) == {"field", "boost", "linear"} and query["linear"] == {}, f"{query}", "parsing_exception")
            field, boost = query["field"], query["boost"]
            need(field.count(".") == 1 and field not in boosts, f"field [{field}]")
            parent = self.mappings["properties"].get(field.split(".")[0], {})
            need(parent.get("type") == "rank_features", f"[rank_feature] query on [{field}]")
            need(math.isfinite(boost) and boost > 0, f"boost {boost}")
            boosts[field] = float(np.float32(boost))
        hits = []
        for document_id, features in self.features.items():
            shared = boosts.keys() & features.keys() if clauses else {None}  # without clauses all documents match
            if shared:
                score = sum(float(np.float32(boosts[f] * features[f])) for f in shared if f)
                source = {key: value for key, value in self.sources[document_id].items() if key in body["_source"]}
                hits.append({"_index": "x", "_id": document_id, "_score": float(np.float32(score)), "_source": source})
        order = list(self.sources)
        return sorted(hits, key=lambda hit: (-hit["_score"], order.index(hit["_id"])))[: body["size"]]


class Server(ThreadingHTTPServer):
    """`faults` are taken one a request from the left: None, a status, "drop", or {document id: (status, type)}."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.indices: dict[str, Index] = {}
        self.requests: list[tuple[str, str]] = []
        self.bulks: list[list[str]] = []  # the ids of each bulk request that was answered
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
        try:
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
        if method != "HEAD":
            self.wfile.write(data)

    def _route(self, method: str, parts: list[str], params: dict, raw: bytes, fault: dict | None):
        server, name = self.server, parts[0]
        match (method, *parts[1:]):
            case ("POST",) if name == "_bulk":
                need(not params, f"parameters {params}")
                return self._bulk(raw, fault or {})
            case ("HEAD",):
                server.named(name)
                return {}
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

    def do_HEAD(self):
        self._answer("HEAD")

    def do_POST(self):
        self._answer("POST")

    def do_PUT(self):
        self._answer("PUT")

    def do_DELETE(self):
        self._answer("DELETE")
