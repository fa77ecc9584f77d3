"""The dense teacher: encodes every training text once; its cosines are what distillation imitates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from kosplade.corpus.text import text_id
from kosplade.errors import UserError


def encode_dense(
    texts: Sequence[str],
    encoder: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    pooling: str,
    max_length: int,
    batch_size: int,
    label: str,
) -> np.ndarray:
    """L2-normalised vectors float32 [N, D] of `texts` in order; `pooling` is `mean` (over real positions) or `cls`."""
    encoded = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    order = np.argsort([len(ids) for ids in encoded], kind="stable")
    vectors_ND = np.empty((len(texts), encoder.config.hidden_size), dtype=np.float32)
    device = encoder.device
    with torch.inference_mode(), tqdm(total=len(texts), desc=label, unit="text", mininterval=1) as bar:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = tokenizer.pad({"input_ids": [encoded[i] for i in rows]}, return_tensors="pt").to(device)
            hidden_BLD = encoder(batch["input_ids"], batch["attention_mask"]).last_hidden_state.float()
            if pooling == "cls":
                pooled_BD = hidden_BLD[:, 0]
            else:
                mask_BL1 = batch["attention_mask"].unsqueeze(-1)
                pooled_BD = (hidden_BLD * mask_BL1).sum(1) / mask_BL1.sum(1)
            vectors_ND[rows] = F.normalize(pooled_BD, dim=1).cpu().numpy()
            bar.update(len(rows))
    return vectors_ND


@dataclass(frozen=True)
class TeacherVectors:
    """Cached vectors of queries and documents, found by the id of their text; memory-mapped float16."""

    query_rows: dict[str, int]
    queries_ND: np.ndarray
    document_rows: dict[str, int]
    documents_ND: np.ndarray

    def scores(self, queries: Iterable[str], documents: Iterable[str]) -> np.ndarray:
        """Cosines float32 [queries, documents]. Raises UserError for a text that the teacher never saw."""
        try:
            query_rows = [self.query_rows[text_id(text)] for text in queries]
            document_rows = [self.document_rows[text_id(text)] for text in documents]
        except KeyError:
            raise UserError("outputs/teacher lacks a training text. Run: dvc repro teacher") from None
        return self.queries_ND[query_rows].astype(np.float32) @ self.documents_ND[document_rows].astype(np.float32).T


def save_vectors(folder: Path, side: str, ids: list[str], vectors_ND: np.ndarray) -> None:
    """Write <side>.npy (float16 [N, D]) and <side>.txt (one text id a line) into an existing folder."""
    np.save(folder / f"{side}.npy", vectors_ND.astype(np.float16))
    (folder / f"{side}.txt").write_text("\n".join(ids) + "\n", encoding="utf-8")


def load_teacher(folder: Path) -> TeacherVectors:
    """Open what the stage `teacher` wrote. Raises UserError if it is missing or damaged."""
    parts = []
    for side in ("queries", "documents"):
        try:
            ids = (folder / f"{side}.txt").read_text(encoding="utf-8").split()
            vectors_ND = np.load(folder / f"{side}.npy", mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise UserError(f"{folder} has no teacher vectors. Run: dvc repro teacher") from None
        except (ValueError, EOFError) as error:
            raise UserError(f"{folder}/{side}.npy cannot be read ({error}). Run: dvc repro -f teacher") from None
        if len(ids) != len(vectors_ND):
            raise UserError(f"{folder}: {side}.txt and {side}.npy differ in length. Run: dvc repro -f teacher")
        parts += [{key: row for row, key in enumerate(ids)}, vectors_ND]
    return TeacherVectors(*parts)
