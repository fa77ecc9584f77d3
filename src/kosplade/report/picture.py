"""Draws the heaviest pieces of one text in two trainings: `python -m kosplade.report.picture V24_DIR V25_DIR OUT.svg`.

The folders are outs of the stage `train`; another experiment's comes by `dvc get . outputs/train_v24 --rev v24`. Raw
weights, before the stopword mask: what each recipe taught the model.
"""

import html
import sys
from pathlib import Path

import torch

from kosplade.files import replacing
from kosplade.model.weights import load_trained
from kosplade.stages.inputs import BACKBONE, MASK
from kosplade.vocab.tables import load_mask
from kosplade.vocab.tokenizer import load_tokenizer

TEXT = "결제를 취소하면 환불 금액은 언제 계좌로 들어오나요?"
TOP = 14
ROW, BAR, GAP = 22, 190, 330


def top_pieces(weights_file: Path, text: str) -> list[tuple[str, float, bool]]:
    """The heaviest pieces of `text`: (piece, raw weight, whether it is a stopword piece)."""
    tokenizer = load_tokenizer(BACKBONE)
    mask_V = load_mask(MASK, len(tokenizer))
    encoder = load_trained(BACKBONE, weights_file)
    inputs = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        weights_V = encoder(inputs["input_ids"], inputs["attention_mask"])[0]
    best = weights_V.topk(TOP)
    pieces = tokenizer.convert_ids_to_tokens(best.indices.tolist())
    return list(zip(pieces, best.values.tolist(), mask_V[best.indices].tolist(), strict=True))


def svg(columns: dict[str, list[tuple[str, float, bool]]], text: str) -> str:
    """Two bar charts side by side, stopword pieces in red; readable on light and dark backgrounds."""
    widest = max(weight for pieces in columns.values() for _, weight, _ in pieces)
    height = 70 + ROW * TOP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * GAP + 40} {height}" '
        'font-family="system-ui, \'Noto Sans KR\', sans-serif" font-size="13" fill="#888">',
        f'<text x="20" y="24">{html.escape(text)}</text>',
    ]
    for column, (title, pieces) in enumerate(columns.items()):
        left = 20 + column * GAP
        parts.append(f'<text x="{left}" y="50" font-weight="bold">{html.escape(title)}</text>')
        for row, (piece, weight, is_stopword) in enumerate(pieces):
            y = 60 + row * ROW
            width = BAR * weight / widest
            colour = "#d1495b" if is_stopword else "#2e86ab"
            parts.append(f'<text x="{left + 76}" y="{y + 14}" text-anchor="end">{html.escape(piece)}</text>')
            parts.append(f'<rect x="{left + 84}" y="{y + 2}" width="{width:.1f}" height="{ROW - 7}" fill="{colour}"/>')
            parts.append(f'<text x="{left + 90 + width:.1f}" y="{y + 14}">{weight:.2f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main(first: Path, second: Path, out: Path) -> None:
    """Write the picture of two training outs (folders with model.safetensors)."""
    columns = {
        f"{folder.name.removeprefix('train_')}": top_pieces(folder / "model.safetensors", TEXT)
        for folder in (first, second)
    }
    with replacing(out) as target:
        target.write_text(svg(columns, TEXT), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
