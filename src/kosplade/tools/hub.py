"""Upload an export to the Hugging Face hub: `python -m kosplade.tools.hub --folder huggingface/v25/best owner/name`.

The client is huggingface_hub's own, so its environment variables hold: HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.
"""

import argparse
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi, ModelCard

from kosplade.console import run_command, say
from kosplade.errors import UserError

# One of what each step of the stage `convert` writes; DVC keeps the folder whole.
NEEDED = ("README.md", "config.json", "tokenizer.json", "idf.json", "modules.json", "inference-free/modules.json")
WEIGHTS = "model*.safetensors"


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

    Weights of an earlier export that are not in `folder` are deleted: transformers would read a lone model.safetensors
    rather than the index beside it. Other files there stay. Raises UserError for a folder that is no export, before
    anything is sent, and for what the Hub refuses.
    """
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing or not list(folder.glob(WEIGHTS)):
        raise UserError(f"{folder} is no complete export: no {(missing or [WEIGHTS])[0]}. Run: make convert-v25-hf")
    api = HfApi()
    try:
        api.create_repo(repo, private=private or None, exist_ok=True)
        if private and not api.model_info(repo).private:
            raise UserError(f"{api.endpoint}/{repo} is public. Make it private in its settings, or choose another.")
        api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            commit_message="Upload the export",
            delete_patterns=["*.safetensors", "*.safetensors.index.json"],
        )
    except (HTTPError, OSError, RuntimeError, ValueError) as error:  # ValueError: a name that is none
        said = " ".join(str(getattr(error, "server_message", None) or error).split())[:300]
        raise UserError(
            f"{repo} on {api.endpoint}: {said}. Check the name (owner/name), the token (HF_TOKEN or hf auth login; its "
            "role is to be write) and the network, then run the same command again."
        ) from None
    if ModelCard.load(folder / "README.md").data.license is None:
        say("push-hf", "the card states no licence (see 'Training data' there): add `license:` to README.md on the Hub")
    return f"{api.endpoint}/{repo}"


if __name__ == "__main__":
    run_command(main)
