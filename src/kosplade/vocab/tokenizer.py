"""The tokenizer of a model folder."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from kosplade.errors import UserError, first_line


def load_tokenizer(folder: str | Path, remedy: str = "Run: dvc repro backbone") -> PreTrainedTokenizerBase:
    """Load a fast tokenizer from a folder. Raises UserError, ending with `remedy`, if it is missing or holds none."""
    if not Path(folder).is_dir():
        raise UserError(f"{folder} not found. {remedy}")
    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except MemoryError:
        raise
    except Exception as error:  # beside OSError and ValueError the bare Exception of tokenizers
        raise UserError(f"{folder}: no tokenizer could be loaded ({first_line(error)}). {remedy}") from None
