"""A small Hugging Face hub over real HTTP: enough for the real client to create a repository and commit to it."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TOKEN = "hf_of_the_tests"
USER = "someone"
LFS = (".safetensors", "tokenizer.json")  # the real Hub's rule: these, and all above 10 MB


class Server(ThreadingHTTPServer):
    """`repos` holds the files of each repository, `private` the names of the private ones."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.objects: dict[str, bytes] = {}  # LFS, by SHA-256
        self.requests: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = f"{self.command} {urlsplit(self.path).path}"
        self.server.requests.append(request)
        status, said = self._route(request, body)
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _answer

    def _route(self, request: str, body: bytes) -> tuple[int, object]:
        hub = self.server
        if request.startswith("PUT /upload/"):  # the storage: not the token's business
            hub.objects[hashlib.sha256(body).hexdigest()] = body
            return 200, {}
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid credentials in Authorization header"}
        asked = json.loads(body) if body and not request.endswith("/commit/main") else {}
        if request == "POST /api/repos/create":
            if asked["organization"] != USER:
                return 403, {"error": "You don't have the rights to create a model under this namespace"}
            name = f"{USER}/{asked['name']}"
            is_new = name not in hub.repos
            hub.repos.setdefault(name, {})
            hub.private |= {name} if is_new and asked.get("visibility") == "private" else set()
            return (200 if is_new else 409), {"url": f"{hub.url}/{name}"}
        if request == "POST /api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if not (match := re.match(r"\w+ /(?:api/models/)?(\w+/\w+)(.*)", request)) or match[1] not in hub.repos:
            return 404, {"error": f"no such address: {request}"}
        name, rest = match.groups()
        files = hub.repos[name]
        if rest in ("", "/revision/main"):
            return 200, {"id": name, "sha": "0" * 40, "private": name in hub.private, "siblings": []}
        if rest.startswith("/tree/"):
            return 200, [
                {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for path, data in files.items()
            ]
        if rest == "/preupload/main":
            modes = [(one["path"], "lfs" if one["path"].endswith(LFS) else "regular") for one in asked["files"]]
            return 200, {"files": [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes]}
        if rest == ".git/info/lfs/objects/batch":
            return 200, {
                "transfer": "basic",
                "objects": [
                    one | {"actions": {"upload": {"href": f"{hub.url}/upload/{one['oid']}"}}}
                    for one in asked["objects"]
                ],
            }
        if rest == "/commit/main":
            for operation in map(json.loads, body.splitlines()):
                value = operation["value"]
                match operation["key"]:
                    case "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    case "lfsFile":
                        files[value["path"]] = hub.objects[value["oid"]]
                    case "deletedFile":
                        del files[value["path"]]
            return 200, {"commitUrl": f"{hub.url}/{name}/commit/1", "commitOid": "1" * 40, "success": True}
        return 404, {"error": f"no such address: {request}"}
