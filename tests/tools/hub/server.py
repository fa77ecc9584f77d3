"""A small Hugging Face hub over real HTTP: enough for the real client to create a repository and commit to it."""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TOKEN = "hf_of_the_tests"
USER = "someone"


class Server(ThreadingHTTPServer):
    """`repos` holds the files of each repository, `private` the names of the private ones."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_):
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, said = self._route(f"{self.command} {urlsplit(self.path).path}", body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    do_GET = do_POST = _answer

    def _route(self, request: str, body: bytes) -> tuple[int, object]:
        hub = self.server
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid credentials in Authorization header"}
        lines = [json.loads(line) for line in body.splitlines()]
        if request == "POST /api/repos/create":
            name = f"{lines[0]['organization']}/{lines[0]['name']}"
            if not name.startswith(f"{USER}/"):
                return 403, {"error": "You don't have the rights to create a model under this namespace"}
            if name not in hub.repos and lines[0].get("visibility") == "private":
                hub.private.add(name)
            hub.repos.setdefault(name, {})
            return 200, {"url": f"{hub.url}/{name}"}
        if request == "POST /api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        name, rest = re.fullmatch(r"\w+ /api/models/(\w+/\w+)(.*)", request).groups()
        if (files := hub.repos.get(name)) is None:
            return 404, {"error": f"no repository {name}"}
        if rest in ("", "/revision/main"):
            return 200, {"id": name, "sha": "0" * 40, "private": name in hub.private, "siblings": []}
        if rest.startswith("/tree/"):
            return 200, [{"type": "file", "path": path, "size": len(files[path]), "oid": "0" * 40} for path in files]
        if rest == "/preupload/main":
            paths = [one["path"] for one in lines[0]["files"]]
            return 200, {"files": [{"path": one, "uploadMode": "regular", "shouldIgnore": False} for one in paths]}
        if rest == "/commit/main":
            for key, value in ((line["key"], line["value"]) for line in lines):
                if key == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                if key == "deletedFile":
                    del files[value["path"]]
            return 200, {"commitUrl": f"{hub.url}/{name}/commit/1", "commitOid": "1" * 40, "success": True}
        return 404, {"error": f"no such address: {request}"}
