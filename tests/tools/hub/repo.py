"""What the tests' hub holds and checks: model repositories, commit after commit, and the metadata of a card."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field

from ruamel.yaml import YAML

LFS = (".safetensors", "tokenizer.json")  # what is kept as LFS; the real Hub's rule: these, and all above 10 MB


class Refused(Exception):
    """(status, what the Hub says, more of its answer)"""


def need(condition: object, status: int, said: str, **more: str) -> None:
    if not condition:
        raise Refused(status, said, more)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def object_id(path: str, data: bytes) -> str:
    """As the Hub names a file: the SHA-256 of an LFS file, the id that Git gives to another."""
    return sha256(data) if path.endswith(LFS) else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Repo:
    private: bool
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b"*.safetensors filter=lfs\n"})
    commits: int = 0

    @property
    def sha(self) -> str:
        return f"{self.commits:040x}"

    def tree(self) -> list[dict]:
        listed = []
        for path, data in self.files.items():
            one = {"type": "file", "path": path, "size": len(data), "oid": object_id("", data)}
            lfs = {"oid": sha256(data), "size": len(data), "pointerSize": 130}
            listed.append(one | ({"lfs": lfs} if path.endswith(LFS) else {}))
        return listed

    def upload_modes(self, files: list[dict]) -> list[dict]:
        modes = []
        for file in files:
            path = file["path"]
            sample = base64.b64decode(file["sample"], validate=True)
            need(len(sample) == min(file["size"], 512), 400, "sample")
            oid = object_id(path, self.files[path]) if path in self.files else None
            mode = "lfs" if path.endswith(LFS) else "regular"
            modes.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return modes

    def commit(self, lines: list[bytes], objects: dict[str, bytes]) -> None:
        """Apply the lines of a commit, all or none. `objects`: what was uploaded to LFS, by SHA-256."""
        header, *operations = map(json.loads, lines)
        need(header["key"] == "header" and header["value"]["summary"], 400, "header")
        need(operations, 400, "an empty commit")
        files = dict(self.files)
        for operation in operations:
            value, path = operation["value"], operation["value"]["path"]
            need(re.fullmatch(r"(?!/)(?!.*\.\.)[\w./-]+", path), 400, f"path {path}")
            match operation["key"]:
                case "file":
                    need(value["encoding"] == "base64" and not path.endswith(LFS), 400, f"{path} belongs into LFS")
                    files[path] = base64.b64decode(value["content"], validate=True)
                case "lfsFile":
                    need(path.endswith(LFS) and value["algo"] == "sha256", 400, f"{path} is no LFS file")
                    need(value["oid"] in objects, 400, f"{path} was not uploaded")
                    files[path] = objects[value["oid"]]
                    need(value["size"] == len(files[path]), 400, f"size of {path}")
                case "deletedFile":
                    need(files.pop(path, None) is not None, 400, f"{path} is not there")
                case other:
                    raise Refused(400, f"unknown operation {other}", {})
        self.files, self.commits = files, self.commits + 1


def check_card(content: str) -> None:
    """The metadata of a model card, as far as the Hub's documentation says what it may be."""
    block = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
    need(block, 400, "no metadata block")
    data = YAML(typ="safe", pure=True).load(block[1])
    need(re.fullmatch("[a-z]{2,3}", data["language"]), 400, '"language" must be an ISO 639 code')
    need(data.get("license") in ("mit", "apache-2.0", None), 400, '"license" must be one of the list')
    need(re.fullmatch(r"[\w.-]+(/[\w.-]+)?", data.get("base_model", "id")), 400, '"base_model" must be a model id')
    need(all(isinstance(tag, str) for tag in data["tags"]), 400, '"tags" must be strings')
    (model,) = data["model-index"]
    need(isinstance(model["name"], str) and model["results"], 400, '"model-index" must name a model and its results')
    for result in model["results"]:
        need({"type"} <= result["task"].keys(), 400, '"model-index": a task needs a type')
        need({"type", "name"} <= result["dataset"].keys(), 400, '"model-index": a dataset needs type and name')
        for metric in result["metrics"]:
            need(isinstance(metric["type"], str) and isinstance(metric["value"], float), 400, '"model-index": metric')
