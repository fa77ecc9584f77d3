"""Where everything lies, from the root of the repository: what a user brings, what stages write, what they measure."""

from pathlib import Path

# A user's own: read, never written.
USER_DATA = Path("data/v24.0")
MODELS = Path("data/models")
COLLECTION = Path("data/collection")

# Of this repository.
SOURCES = Path("data/sources.yaml")
QUERIES = Path("data/queries")
STOPWORDS = Path("data/stopwords_ko.txt")

# Outs of stages.
PREPARED = Path("data/prepared")
TRIPLETS = Path("data/train.arrow")
BACKBONE = Path("data/backbone")
IDF = Path("outputs/idf_weights/xlmr_v25_idf.pt")
MASK = Path("outputs/idf_weights/xlmr_stopword_mask.pt")
TEACHER = Path("outputs/teacher")
BASELINES = Path("outputs/baselines")
METRICS = Path("metrics")

# Beside the outs: they carry times, which differ between two equal runs.
TIMINGS = Path("outputs/timings")
TENSORBOARD = Path("outputs/tensorboard")


def train_folder(version: str) -> Path:
    """outputs/train_<version>: what the stage train writes."""
    return Path(f"outputs/train_{version}")


def eval_folder(version: str) -> Path:
    """outputs/eval_<version>: what the stage eval writes beside the metrics."""
    return Path(f"outputs/eval_{version}")


def export_folder(version: str) -> Path:
    """huggingface/<version>/best: what the stage convert writes."""
    return Path(f"huggingface/{version}/best")
