"""How long a text an encoder can read."""

from transformers import PretrainedConfig

from kosplade.errors import UserError


def readable_pieces(config: PretrainedConfig) -> int | None:
    """Pieces that an encoder has positions for, special pieces included; None where its configuration sets no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or getattr(config, "position_biased_input", True) is False:  # DeBERTa: relative positions alone
        return None
    # RoBERTa and its kin number positions from the one after the padding piece's id.
    offset = "roberta" in config.model_type or config.model_type == "camembert"
    return positions - (config.pad_token_id + 1 if offset else 0)


def check_length(config: PretrainedConfig, length: int, name: str) -> None:
    """Raise UserError if texts of `length` pieces, which the option `name` allows, are too long for the encoder."""
    limit = readable_pieces(config)
    if limit is not None and length > limit:
        raise UserError(f"{name} is {length}; the model reads at most {limit} pieces. Lower {name}.")
