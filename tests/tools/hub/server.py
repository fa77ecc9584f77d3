"""A small Hugging Face hub over real HTTP that checks every request; repositories and cards are in `hub_repo`."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.hub.repo import Refused, Repo, check_card, need, object_id, sha256

TOKEN = "hf_of_the_tests"
USER = "someone"
LFS_TYPE = "application/vnd.git-lfs+json"
BAD_TOKEN = "Invalid credentials in Authorization header"


class Server(ThreadingHTTPServer):
    """`faults` are statuses by the beginning of "METHOD path"."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}  # LFS, by SHA-256
        self.requests: list[str] = []
        self.refused: list[str] = []
        self.faults: dict[str, int] = {}
        self.xet_storage: Path | None = None  # a folder, which hf_xet takes for a server
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = f"{self.command} {urlsplit(self.path).path}"
        self.server.requests.append(request)
        status, headers = 200, {"Content-Type": "application/json"}
        try:
            for start, fault in self.server.faults.items():
                need(not request.startswith(start), fault, "a fault of the test")
            said = self._route(request)
            if isinstance(said, tuple):
                said, headers = said
        except Refused as refused:
            status, message, more = refused.args
            self.server.refused.append(f"{request}: {status} {message}")
            headers["X-Error-Message"] = message
            if message.startswith("Entry"):
                headers["X-Error-Code"] = "EntryNotFound"
            said = {"error": message, "errors": [{"message": message}]} | more
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = _answer

    def _route(self, request: str):
        for pattern, handle in ROUTES.items():
            if match := re.fullmatch(pattern, request):
                return handle(self, *map(unquote, match.groups()))
        raise Refused(404, f"no such address: {request}", {})

    def _signed(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _repo(self, name: str, revision: str = "main", *, write: bool = False) -> Repo:
        need(self._signed() or not write, 401, BAD_TOKEN)
        repo = self.server.repos.get(name)
        need(repo and (self._signed() or not repo.private), 404 if self._signed() else 401, "Repository not found")
        need(revision in ("main", repo.sha), 404, "Revision not found")
        return repo

    def harnesses(self):
        return {"standardEnvVars": [], "harnesses": {}}

    def validate(self):
        asked = json.loads(self.body)
        need(asked.keys() == {"repoType", "content"} and asked["repoType"] == "model", 400, "repoType")
        check_card(asked["content"])
        return {"errors": [], "warnings": []}

    def create(self):
        need(self._signed(), 401, BAD_TOKEN)
        asked = json.loads(self.body)
        need(asked.keys() <= {"name", "organization", "visibility"}, 400, f"unknown keys in {asked}")
        need(asked["organization"] == USER, 403, "You don't have the rights to create a model under this namespace")
        name = f"{USER}/{asked['name']}"
        url = {"url": f"{self.server.url}/{name}"}
        need(name not in self.server.repos, 409, "You already created this model repo", **url)
        self.server.repos[name] = Repo(private=asked.get("visibility") == "private")
        return url

    def info(self, name, revision="main"):
        repo = self._repo(name, revision)
        return {"id": name, "sha": repo.sha, "private": repo.private, "siblings": []}

    def tree(self, name, revision):
        return self._repo(name, revision).tree()

    def preupload(self, name):
        return {"files": self._repo(name, write=True).upload_modes(json.loads(self.body)["files"])}

    def xet_token(self, name):
        self._repo(name, write=True)
        return {"casUrl": f"local://{self.server.xet_storage}", "accessToken": "of the storage", "exp": 2**33}

    def batch(self, name):
        self._repo(name, write=True)
        asked = json.loads(self.body)
        need(self.headers["Content-Type"] == self.headers["Accept"] == LFS_TYPE, 415, "media type")
        need((asked["operation"], asked["hash_algo"], asked["ref"]) == ("upload", "sha256", {"name": "main"}), 400, "")
        need("basic" in asked["transfers"], 400, "transfers")
        objects = []
        for one in asked["objects"]:
            need(re.fullmatch("[0-9a-f]{64}", one["oid"]) and one["size"] > 0, 422, "oid and size")
            actions = {kind: {"href": f"{self.server.url}/{kind}/{one['oid']}"} for kind in ("upload", "verify")}
            objects.append(one if one["oid"] in self.server.objects else one | {"actions": actions})
        return {"transfer": "basic", "objects": objects}

    def upload(self, oid):
        need("Authorization" not in self.headers, 400, "the token is not the storage's business")
        need(sha256(self.body) == oid, 400, "another file")
        self.server.objects[oid] = self.body
        return {}

    def verify(self, oid):
        need(self._signed(), 401, BAD_TOKEN)
        size = len(self.server.objects.get(oid, b""))
        need(json.loads(self.body) == {"oid": oid, "size": size}, 404, "not uploaded")
        return {}

    def commit(self, name):
        repo = self._repo(name, write=True)
        need(self.headers["Content-Type"] == "application/x-ndjson", 415, "media type")
        repo.commit(self.body.splitlines(), self.server.objects)
        return {"commitUrl": f"{self.server.url}/{name}/commit/{repo.sha}", "commitOid": repo.sha, "success": True}

    def resolve(self, name, revision, path):
        repo = self._repo(name, revision)
        need(path in repo.files, 404, "Entry not found")
        etag = f'"{object_id(path, repo.files[path])}"'
        return repo.files[path], {"ETag": etag, "X-Repo-Commit": repo.sha}


NAME = r"([\w-]+/[\w.-]+)"
ROUTES = {
    "GET /api/agent-harnesses": Handler.harnesses,  # asked by the client itself
    "POST /api/validate-yaml": Handler.validate,
    "POST /api/repos/create": Handler.create,
    f"GET /api/models/{NAME}": Handler.info,
    f"GET /api/models/{NAME}/revision/([^/]+)": Handler.info,
    f"GET /api/models/{NAME}/tree/([^/]+)": Handler.tree,
    f"POST /api/models/{NAME}/preupload/main": Handler.preupload,
    f"GET /api/models/{NAME}/xet-write-token/main": Handler.xet_token,
    f"POST /{NAME}.git/info/lfs/objects/batch": Handler.batch,
    "PUT /upload/([0-9a-f]{64})": Handler.upload,
    "POST /verify/([0-9a-f]{64})": Handler.verify,
    f"POST /api/models/{NAME}/commit/main": Handler.commit,
    f"(?:GET|HEAD) /{NAME}/resolve/([^/]+)/(.+)": Handler.resolve,
}
