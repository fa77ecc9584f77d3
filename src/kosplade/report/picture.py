"""The pictures of the README and docs/: `python -m kosplade.report.picture [V24_DIR V25_DIR]`.

Without arguments both pictures are drawn from their tables: docs/pieces.svg from docs/pieces.tsv, docs/pruning.svg from
metrics/. With the folders of two trainings (another experiment's: `dvc get . outputs/train_v24 --rev v24`) the table of
pieces is measured first: raw weights of one question, before the stopword mask, so what each recipe taught the model.
"""

from collections.abc import Sequence
from pathlib import Path

from kosplade.console import run_command
from kosplade.errors import UserError
from kosplade.files import read_json, read_tsv, replacing, write_tsv
from kosplade.paths import BACKBONE, MASK, METRICS
from kosplade.report.figures import BASELINES, WAYS
from kosplade.report.page.scales import Scale, nice_ticks, tick_labels
from kosplade.report.rendering import render
from kosplade.retrieval.results import reported_split

TEXT = "물고기랑 뱀도 잠을 자나요?"  # one of the questions where V24 is loudest on particles
ADDED = 6  # pieces that the models add to the question, the heaviest ones
TABLE = Path("docs/pieces.tsv")  # one row a piece: piece, in_text, stopword (yes or no), v24, v25
YES_NO = ("no", "yes")
PIECES, PRUNING = Path("docs/pieces.svg"), Path("docs/pruning.svg")


def measure(folders: Sequence[Path], text: str = TEXT) -> list[dict[str, str]]:
    """Rows of docs/pieces.tsv for a V24 and a V25 training: the pieces of `text` in its order, then those added."""
    import torch

    from kosplade.model.weights import load_trained
    from kosplade.vocab.tables import load_mask
    from kosplade.vocab.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(BACKBONE)
    stopword_V = load_mask(MASK, len(tokenizer))
    inputs = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        models = [load_trained(BACKBONE, folder / "model.safetensors") for folder in folders]
        weights_2V = torch.cat([model(inputs["input_ids"], inputs["attention_mask"]) for model in models])
    own = dict.fromkeys(inputs["input_ids"][0].tolist())
    heaviest = weights_2V.amax(0).topk(len(own) + ADDED).indices.tolist()
    added = [piece for piece in heaviest if piece not in own][:ADDED]
    rows = []
    for id_, piece in zip([*own, *added], tokenizer.convert_ids_to_tokens([*own, *added]), strict=True):
        if any(character.isalnum() for character in piece) and id_ not in tokenizer.all_special_ids:
            v24, v25 = (f"{weight:.2f}" for weight in weights_2V[:, id_].tolist())
            kinds = {"in_text": YES_NO[id_ in own], "stopword": YES_NO[stopword_V[id_].item()]}
            rows.append({"piece": piece} | kinds | {"v24": v24, "v25": v25})
    return rows


def pieces(rows: Sequence[dict[str, str]]) -> str:
    """One row a piece, the bars of V24 and V25 beside each other on one scale; stopwords orange and hatched."""
    widest = max(float(row[version]) for row in rows for version in ("v24", "v25"))
    return render("pieces.svg.j2", text=TEXT, rows=rows, widest=widest)


def pruning(rows: Sequence[dict[str, str]], cost: dict, figures: dict) -> str:
    """nDCG@10 against megabytes of the index: a line for each way of querying, a point for each baseline.

    `rows` are those of metrics/pruning.tsv, `cost` is metrics/cost.json, `figures` one split of metrics/eval.json.
    """
    ways = {
        title: [(float(row["index_bytes"]) / 1e6, float(row[name])) for row in rows] for name, title in WAYS.items()
    }
    baselines = {
        title: (cost[name]["index_bytes"] / 1e6, figures[name]["ndcg10"])
        for name, title in BASELINES.items()
        if name in cost
    }
    points = [*baselines.values(), *(point for line in ways.values() for point in line)]
    x_ticks = nice_ticks(0, max(x for x, _ in points))
    y_ticks = nice_ticks(min(y for _, y in points), max(y for _, y in points), 5)
    return render(
        "pruning.svg.j2",
        x=Scale(x_ticks[0], x_ticks[-1], 66, 690),
        y=Scale(y_ticks[0], y_ticks[-1], 320, 44),
        x_ticks=list(zip(x_ticks, tick_labels(x_ticks), strict=True)),
        y_ticks=list(zip(y_ticks, tick_labels(y_ticks), strict=True)),
        ways=ways,
        baselines=baselines,
    )


def main(arguments: list[str]) -> None:
    """Measure the pieces of two trainings if their folders are given; draw both pictures."""
    if len(arguments) not in (0, 2):
        raise UserError("Name two folders, V24 first, or none, such as outputs/train_v24 outputs/train_v25.")
    if arguments:
        write_tsv(TABLE, measure([Path(folder) for folder in arguments]))
    remedy = "Run: make repro"
    figures = read_json(METRICS / "eval.json", remedy)
    drawn = {
        PIECES: pieces(read_tsv(TABLE)),
        PRUNING: pruning(
            read_tsv(METRICS / "pruning.tsv"),
            read_json(METRICS / "cost.json", remedy),
            figures[reported_split(figures)],
        ),
    }
    for path, svg in drawn.items():
        with replacing(path) as target:
            target.write_text(svg, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    run_command(main)
