"""The trained encoder as a plain Hugging Face folder: what is served is in the weights, no code of ours is needed."""

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.model import Counting, SparseEncoder

# Larger tensors get a file of their own. The word embeddings, most of the model, are frozen by default: their file is
# the same for every experiment, so DVC keeps it once.
SHARD = "200MB"
NEVER = -1.0e4  # decoder bias of a piece that is not served: no logit gets above zero, in half precision either
TOLERANCE = 1e-4


def write_folder(
    encoder: SparseEncoder,
    tokenizer: PreTrainedTokenizerBase,
    unserved_V: Tensor,
    query_weight_V: Tensor,
    expandable_V: Tensor,
    counting: Counting,
    hybrid_weight: dict[str, float],
    folder: Path,
) -> None:
    """Write config, weights, tokenizer, idf.json and expandable.json into `folder`.

    Pieces of `unserved_V` (bool) get a decoder bias that keeps them at weight 0, so `log(1 + relu(max logits))` is what
    the model says of a text. What its occurrences change stands in config.json, as "occurrences", and as
    "hybrid_weight" the model's share in a hybrid with BM25, by the way of making queries. idf.json holds the weight in
    an inference-free query of every piece; those not served count 0. expandable.json lists those of `expandable_V`
    (bool) that are served.
    """
    served = encoder.decoder.bias.detach().clone()
    with torch.no_grad():
        encoder.decoder.bias[unserved_V] = NEVER
        encoder.mlm.config.occurrences = asdict(counting)
        encoder.mlm.config.hybrid_weight = hybrid_weight
        with encoder.whole() as mlm:
            mlm.save_pretrained(folder, max_shard_size=SHARD)
        encoder.decoder.bias.copy_(served)
    tokenizer.save_pretrained(folder)
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    write_json(folder / "idf.json", dict(zip(pieces, query_weight_V.tolist(), strict=True)))
    is_listed_V = expandable_V & ~unserved_V
    write_json(folder / "expandable.json", [pieces[id_] for id_ in is_listed_V.nonzero().squeeze(1).tolist()])


@torch.inference_mode()
def plain_vectors(folder: Path, texts: list[str], max_length: int) -> Tensor:
    """Vectors [N, V] of `texts` by transformers alone, one at a time, as a user of the folder would compute them."""
    model = AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    rows = []
    for text in texts:
        inputs = tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt")
        logits_1LV = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
        rows.append(torch.log1p(torch.relu(logits_1LV.amax(dim=1)))[0])
    return torch.stack(rows)


def check_folder(folder: Path, texts: list[str], expected_NV: Tensor, max_length: int) -> float:
    """Largest difference between the folder's vectors and the training model's. Raises UserError above 1e-4."""
    difference = (plain_vectors(folder, texts, max_length) - expected_NV).abs().max().item()
    if difference > TOLERANCE:
        raise UserError(
            f"{folder}: the exported model differs from the trained one by {difference:.2g}. Run: dvc repro -f train"
        )
    return difference
