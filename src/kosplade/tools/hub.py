"""Upload an export to the Hugging Face hub: `python -m kosplade.tools.hub --folder huggingface/v25/best owner/name`.

The client is huggingface_hub's own, so its environment variables hold: HF_TOKEN, HF_ENDPOINT, HF_HUB_DISABLE_XET.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi, ModelCard, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, OIDCError
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError, safe_open

from kosplade.console import say
from kosplade.errors import UserError
from kosplade.files import read_json

REMEDY = "Run: make convert-v25-hf"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
# What every export has, by folder; the tests hold this list against what the stage `convert` writes.
FILES = {
    "": (
        *("README.md", "config.json", "idf.json", *TOKENIZER),
        *("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"),
    ),
    "1_SpladePooling": ("config.json",),
    "inference-free": ("modules.json", "router_config.json", "config_sentence_transformers.json"),
    "inference-free/query_0_SparseStaticEmbedding": ("config.json", WEIGHTS, *TOKENIZER),
    "inference-free/document_0_Transformer": ("config.json", "sentence_bert_config.json", INDEX, *TOKENIZER),
    "inference-free/document_1_SpladePooling": ("config.json",),
}


def main(arguments: list[str]) -> None:
    """Run the command line; a UserError is one line and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.hub", description="Upload an export to the Hub.")
    parser.add_argument("repo", metavar="OWNER/NAME", help="the repository; it is created where it is missing")
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="an exported model")
    parser.add_argument("--private", action="store_true", help="create the repository as a private one")
    options = parser.parse_args(arguments)
    try:
        url = push(options.folder, options.repo, private=options.private)
    except UserError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("Error: interrupted. Run the same command again: what is on the Hub is not sent twice.")
    say("push-hf", url)


def push(folder: Path, repo: str, *, private: bool) -> str:
    """Bring `folder` into the model repository `repo` ("owner/name") as its state; return its address.

    Everything that can be checked here is checked before the Hub hears of it, and the card before a repository is made.
    Weights of an earlier export that are not in `folder` are deleted: transformers would read a lone model.safetensors
    rather than the index beside it. Other files of the repository stay.
    """
    _check_name(repo)
    check_export(folder)
    token = _token()
    with hub_errors(repo):
        api = HfApi(token=token)
        card = ModelCard.load(folder / "README.md")
        card.validate()
        api.create_repo(repo, private=private or None, exist_ok=True)
        if private and not api.model_info(repo).private:
            raise UserError(f"{api.endpoint}/{repo} is public. Make it private in its settings, or choose another.")
        api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            commit_message="Upload the export",
            delete_patterns=["*.safetensors", f"*{INDEX}"],
        )
    if card.data.license is None:
        say("push-hf", "the card states no licence (see 'Training data' there): add `license:` to README.md on the Hub")
    return f"{api.endpoint}/{repo}"


def check_export(folder: Path) -> None:
    """UserError naming the file that is missing or damaged, and the command that makes it."""
    if not folder.is_dir():
        raise UserError(f"{folder} not found. {REMEDY}")
    names = [Path(place, name) for place, files in FILES.items() for name in files]
    names.append(Path(INDEX if (folder / INDEX).exists() else WEIGHTS))
    if missing := [name.as_posix() for name in names if not (folder / name).is_file()]:
        raise UserError(f"{folder} is no complete export: {', '.join(missing)} missing. {REMEDY}")
    for name in names:
        if name.name == WEIGHTS:
            _check_weights(folder, name, set())
        elif name.name == INDEX:
            _check_index(folder, name)


def _check_index(folder: Path, name: Path) -> None:
    """The files that an index of weights names are in `folder`, whole, with the tensors it says."""
    try:
        places: dict[str, str] = dict(read_json(folder / name, REMEDY)["weight_map"])
        files = sorted(set(places.values()))
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{folder / name}: no index of weights. {REMEDY}") from None
    for file in files:
        # Not resolved: with DVC's links a file of the folder lies in its cache.
        weights = Path(os.path.normpath(name.parent / file))
        if weights.is_absolute() or weights.parts[0] == "..":
            raise UserError(f"{folder / name} names {file}, which is outside {folder}. {REMEDY}")
        _check_weights(folder, weights, {tensor for tensor, place in places.items() if place == file})


def _check_weights(folder: Path, name: Path, tensors: set[str]) -> None:
    """The file is whole and holds `tensors`: its header and its size are read, not its values."""
    path = folder / name
    if not path.is_file():
        raise UserError(f"{folder} is no complete export: {name.as_posix()} missing. {REMEDY}")
    try:
        with safe_open(path, "np") as file:
            lost = tensors - set(file.keys())
    except SafetensorError as error:
        raise UserError(f"{path}: damaged ({error}). {REMEDY}") from None
    if lost:
        raise UserError(f"{path} has no tensor {min(lost)}. {REMEDY}")


def _check_name(repo: str) -> None:
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UserError(f"'{repo}' cannot name a repository: {_line(error)} Write owner/name.") from None
    if repo.count("/") != 1:
        raise UserError(f"'{repo}' has no owner. Write owner/name.")


def _token() -> str:
    try:
        token = get_token()
    except OIDCError as error:
        raise UserError(f"HF_OIDC_RESOURCE is set and gives no token: {_line(error)} Unset it, or repair it.") from None
    if not token:
        raise UserError("no token of the Hub. Set HF_TOKEN, or run: hf auth login")
    return token


@contextmanager
def hub_errors(repo: str) -> Iterator[None]:
    """What the Hub refuses, and a Hub that cannot be reached, as a UserError of one line."""
    try:
        yield
    except (HTTPError, OSError, RuntimeError, ValueError, KeyError) as error:  # KeyError: no answer of a Hub
        raise UserError(_explained(error, repo)) from None


def _explained(error: BaseException, repo: str) -> str:
    """Threads of the client wrap what went wrong, so the first cause that says it counts."""
    hub, owner = constants.ENDPOINT, repo.partition("/")[0]
    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    if any(isinstance(one, OfflineModeIsEnabled) for one in chain):
        return "HF_HUB_OFFLINE is set. Unset it to upload."
    answer = next((one for one in chain if isinstance(one, HfHubHTTPError)), None)
    if answer is None:
        network = next((one for one in chain if isinstance(one, HTTPError)), None)
        if network is not None:
            return f"{hub} cannot be reached ({_line(network)}). Check the network and HF_ENDPOINT, run it again."
        return f"{hub}: the upload of {repo} failed ({_line(error)}). Check HF_ENDPOINT and README.md, run it again."
    status = answer.response.status_code
    said = f"{status}: {_line(answer.server_message or answer.response.reason_phrase)}"
    if status == 401:
        return f"{hub} does not know the token ({said}). Make one at {hub}/settings/tokens, then: hf auth login"
    if status == 403:
        return f"{hub}: the token may not write to '{owner}' ({said}). Use one with the role 'write' for it."
    if status == 429 or status >= 500:
        return f"{hub} has no time ({said}). Run the same command again later."
    return f"{hub} refuses {repo} ({said}). Check the name and README.md."


def _line(said: object) -> str:
    """A message of several lines in one, and not a long one."""
    text = " ".join(str(said).split()) or type(said).__name__
    return text if len(text) <= 300 else f"{text[:300]} ..."


if __name__ == "__main__":
    main(sys.argv[1:])
