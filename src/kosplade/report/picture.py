"""The pictures of the README and docs/: `python -m kosplade.report.picture [V24_DIR V25_DIR]`.

Without arguments both pictures are drawn from their tables: docs/pieces.svg from docs/pieces.tsv, docs/pruning.svg from
metrics/. With the folders of two trainings (another experiment's: `dvc get . outputs/train_v24 --rev v24`) the table of
pieces is measured first: raw weights of one question, before the stopword mask, so what each recipe taught the model.

Greys and colours are chosen to be read on a light and on a dark page; stopwords differ by a hatch as well as by colour.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from kosplade.console import run_command
from kosplade.errors import UserError
from kosplade.files import read_json, read_tsv, replacing, write_tsv
from kosplade.paths import BACKBONE, MASK, METRICS
from kosplade.report.page.scales import Scale, nice_ticks, tick_labels
from kosplade.retrieval.results import SYSTEMS, reported_split

TEXT = "결제를 취소하면 환불 금액은 언제 계좌로 들어오나요?"
ADDED = 6  # pieces that the models add to the question, the heaviest ones
TABLE = Path("docs/pieces.tsv")  # one row a piece: piece, in_text, stopword (yes or no), v24, v25
YES_NO = ("no", "yes")
PIECES, PRUNING = Path("docs/pieces.svg"), Path("docs/pruning.svg")
INK, GRID, BLUE, ORANGE = "#7a808a", "#7a808a55", "#3a86c8", "#e0781e"
HATCH = (
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    f'<rect width="6" height="6" fill="{ORANGE}" fill-opacity=".35"/><rect width="3" height="6" fill="{ORANGE}"/>'
    "</pattern>"
)
ROW, BAR, COLUMNS = 25, 210, (130, 430)  # height of a row, the longest bar, where the bars of V24 and V25 begin


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
    parts = [_text(16, 24, f"“{TEXT}”", size=15, weight=600)]
    parts += [_text(x, 54, name, weight=600) for x, name in zip(COLUMNS, ("V24", "V25"), strict=True)]
    y = 62
    for place, row in enumerate(rows):
        if row["in_text"] == "no" and (place == 0 or rows[place - 1]["in_text"] == "yes"):
            y += 24
            parts.append(_text(16, y - 5, "added by the models", style="italic"))
        is_stopword = row["stopword"] == "yes"
        label = {"fill": ORANGE, "weight": 600} if is_stopword else {}
        parts.append(_text(COLUMNS[0] - 10, y + 17, row["piece"], anchor="end", **label))
        for x, version in zip(COLUMNS, ("v24", "v25"), strict=True):
            width = BAR * float(row[version]) / widest
            fill = "url(#hatch)" if is_stopword else BLUE
            edge = f' stroke="{ORANGE}"' if is_stopword else ""
            if width:
                parts.append(f'<rect x="{x}" y="{y + 4}" width="{width:.1f}" height="{ROW - 8}" fill="{fill}"{edge}/>')
            parts.append(_text(x + width + 6, y + 17, row[version], **label))
        y += ROW
    y += 30
    parts.append(f'<rect x="16" y="{y - 12}" width="22" height="14" fill="{BLUE}"/>')
    parts.append(_text(46, y, "carries meaning"))
    parts.append(f'<rect x="176" y="{y - 12}" width="22" height="14" fill="url(#hatch)" stroke="{ORANGE}"/>')
    parts.append(_text(206, y, "stopword piece: particle, ending or the like", fill=ORANGE, weight=600))
    return _svg(720, y + 16, f"Weights of the pieces of one question in V24 and V25: {TEXT}", parts)


def pruning(rows: Sequence[dict[str, str]], cost: dict, figures: dict) -> str:
    """nDCG@10 against megabytes of the index: a line for each way of querying, a point for each baseline.

    `rows` are those of metrics/pruning.tsv, `cost` is metrics/cost.json, `figures` one split of metrics/eval.json.
    """
    baselines = {
        title: (cost[name]["index_bytes"] / 1e6, figures[name]["ndcg10"])
        for name, title in SYSTEMS.items()
        if name in cost and name not in rows[0]
    }
    ways = {
        name: [(float(row["index_bytes"]) / 1e6, float(row[name])) for row in rows]
        for name in SYSTEMS
        if name in rows[0]
    }
    points = [*baselines.values(), *(point for line in ways.values() for point in line)]
    x_ticks = nice_ticks(0, max(x for x, _ in points))
    y_ticks = nice_ticks(min(y for _, y in points), max(y for _, y in points), 5)
    x, y = Scale(x_ticks[0], x_ticks[-1], 66, 690), Scale(y_ticks[0], y_ticks[-1], 320, 44)
    parts = [_text(16, 24, "nDCG@10", weight=600), _text(690, 362, "index, MB", anchor="end", weight=600)]
    for tick, label in zip(y_ticks, tick_labels(y_ticks), strict=True):
        parts.append(f'<line x1="66" x2="690" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="{GRID}"/>')
        parts.append(_text(58, y(tick) + 5, label, anchor="end"))
    parts += [
        _text(x(tick), 342, label, anchor="middle") for tick, label in zip(x_ticks, tick_labels(x_ticks), strict=True)
    ]
    for (name, line), colour, place in zip(ways.items(), (BLUE, ORANGE), (300, 510), strict=True):
        places = [(x(a), y(b)) for a, b in line]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [_marker(a, b, colour, is_round=colour == BLUE) for a, b in [*places, (place, 19)]]
        parts.append(_text(place + 14, 24, SYSTEMS[name], fill=colour, weight=600))
    for title, (a, b) in baselines.items():
        parts.append(_marker(x(a), y(b), INK, is_round=False, turn=45))
        parts.append(_text(x(a), y(b) + 22, title, anchor="middle"))
    return _svg(720, 372, "nDCG@10 against the size of the index when small weights are dropped", parts)


def _marker(x: float, y: float, colour: str, is_round: bool, turn: int = 0) -> str:
    if is_round:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
    box = f'x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"'
    return f'<rect {box} fill="{colour}" transform="rotate({turn} {x:.1f} {y:.1f})"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", **attributes: object) -> str:
    names = {"size": "font-size", "weight": "font-weight", "style": "font-style"}
    rest = "".join(f' {names.get(name, name)}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{rest}>{escape(text)}</text>'


def _svg(width: int, height: float, title: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" role="img"'
    name = f'aria-label="{escape(title)}" fill="{INK}"'
    font = 'font-family="system-ui, \'Noto Sans KR\', sans-serif" font-size="14">'
    return "\n".join([f"{head} {name} {font}", f"<defs>{HATCH}</defs>", *parts, "</svg>"]) + "\n"


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
