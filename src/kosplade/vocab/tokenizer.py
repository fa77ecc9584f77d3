"""The tokenizer of a model folder."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from kosplade.errors import UserError


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """Load a fast tokenizer from a folder. Raises UserError if the folder is missing or holds none."""
    if not Path(folder).is_dir():
        raise UserError(f"{folder} not found. Run: dvc repro backbone")
    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except MemoryError:
        raise
    except Exception as error:  # beside OSError and ValueError the bare Exception of tokenizers
        reason = str(error).split("\n")[0].rstrip(".")
        raise UserError(f"{folder}: no tokenizer could be loaded ({reason}). Run: dvc repro backbone") from None
