"""What the stages verify, train, eval and convert read: the folders of earlier stages, opened and checked."""

from pathlib import Path

from kosplade.corpus.records import Record, read_training
from kosplade.errors import UserError
from kosplade.params import Params
from kosplade.training.run import Tables
from kosplade.training.teacher import TeacherVectors, load_teacher
from kosplade.vocab.tables import load_idf, load_mask
from kosplade.vocab.tokenizer import load_tokenizer

DATA = Path("data/v24.0")
BACKBONE = Path("data/backbone")
IDF = Path("outputs/idf_weights/xlmr_v25_idf.pt")
MASK = Path("outputs/idf_weights/xlmr_stopword_mask.pt")
TEACHER = Path("outputs/teacher")


def train_folder(version: str) -> Path:
    """outputs/train_<version>."""
    return Path(f"outputs/train_{version}")


def open_tables(tokenizer) -> Tables:
    """IDF and stopword mask, checked against the tokenizer."""
    idf_V, document_frequency_V = load_idf(IDF, len(tokenizer))
    return Tables.build(tokenizer, idf_V, document_frequency_V, load_mask(MASK, len(tokenizer)))


def open_training(params: Params) -> tuple[object, Tables, TeacherVectors | None, list[Record]]:
    """(tokenizer, tables, teacher, records). Raises UserError naming what is missing and the command that makes it."""
    if not IDF.exists():
        raise UserError("IDF weights not found. Run: make prepare-v25-idf")
    tokenizer = load_tokenizer(BACKBONE)
    tables = open_tables(tokenizer)
    teacher = load_teacher(TEACHER) if params.loss.distillation else None
    records = list(read_training(DATA))
    if len(records) < params.train.batch_size:
        raise UserError(
            f"{DATA} has {len(records)} training records, fewer than train.batch_size. Add data or lower it."
        )
    return tokenizer, tables, teacher, records
