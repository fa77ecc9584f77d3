"""Upload an export to the Hugging Face hub: `python -m kosplade.tools.hub --folder huggingface/v25/best owner/name`.

The client is huggingface_hub's own, so its environment variables hold: HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.
"""

import argparse
import os
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi, ModelCard, get_token

from kosplade.console import run_command, say
from kosplade.errors import UserError
from kosplade.files import read_json

REMEDY = "Run: make convert-v25-hf"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
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
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.hub", description="Upload an export to the Hub.")
    parser.add_argument("repo", metavar="OWNER/NAME", help="the repository; it is created where it is missing")
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="an exported model")
    parser.add_argument("--private", action="store_true", help="create the repository as a private one")
    options = parser.parse_args(arguments)
    say("push-hf", push(options.folder, options.repo, private=options.private))


def push(folder: Path, repo: str, *, private: bool) -> str:
    """Bring `folder` into the model repository `repo` ("owner/name") as its state; return its address.

    The export is checked before the Hub hears of it. Weights of an earlier export that are not in `folder` are deleted:
    transformers would read a lone model.safetensors rather than the index beside it. Other files there stay.
    Raises UserError for an export that is not whole, and for what the Hub refuses.
    """
    check_export(folder)
    if not get_token():
        raise UserError("no token of the Hub. Set HF_TOKEN, or run: hf auth login")
    api = HfApi()
    try:
        api.create_repo(repo, private=private or None, exist_ok=True)
        if private and not api.model_info(repo).private:
            raise UserError(f"{api.endpoint}/{repo} is public. Make it private in its settings, or choose another.")
        api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            commit_message="Upload the export",
            delete_patterns=["*.safetensors", f"*{INDEX}"],
        )
    except (HTTPError, OSError, RuntimeError, ValueError) as error:  # ValueError: a name that is none
        said = " ".join(str(getattr(error, "server_message", None) or error).split())[:300]
        raise UserError(
            f"{repo} on {api.endpoint}: {said}. Check the name (owner/name), the token (it needs the role 'write') and "
            "the network, then run the same command again: what is on the Hub is not sent twice."
        ) from None
    if ModelCard.load(folder / "README.md").data.license is None:
        say("push-hf", "the card states no licence (see 'Training data' there): add `license:` to README.md on the Hub")
    return f"{api.endpoint}/{repo}"


def check_export(folder: Path) -> None:
    """UserError naming the files that are missing, and the command that makes them."""
    names = [Path(place, name) for place, files in FILES.items() for name in files]
    names.append(Path(INDEX if (folder / INDEX).exists() else WEIGHTS))
    for index in [name for name in names if name.name == INDEX and (folder / name).exists()]:
        shards = set(read_json(folder / index, REMEDY)["weight_map"].values())
        names += [Path(os.path.normpath(index.parent / shard)) for shard in sorted(shards)]
    if missing := [name.as_posix() for name in names if not (folder / name).is_file()]:
        raise UserError(f"{folder} is no complete export: {', '.join(missing)} missing. {REMEDY}")


if __name__ == "__main__":
    run_command(main)
