"""Exported models on any BEIR folder, beside the baselines: one table, TREC runs, a JSON file with all figures.

Arguments are read before torch is imported: --help and a misspelt option are answered at once.
"""

import argparse
from pathlib import Path

from kosplade.console import run_command
from kosplade.retrieval.results import BASELINES
from kosplade.tools.options import positive


def main(arguments: list[str]) -> None:
    """Evaluate what the arguments name. Raises UserError."""
    options = _parse(arguments)
    from kosplade.tools.beir.evaluating import evaluate_folder

    evaluate_folder(options)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.beir", description=__doc__.split(":")[0])
    parser.add_argument("--beir", type=Path, required=True, metavar="DIR", help="corpus.jsonl, queries.jsonl, qrels/")
    parser.add_argument(
        "--model", type=Path, required=True, action="append", metavar="DIR", help="an exported model; may be repeated"
    )
    parser.add_argument(
        "--vectors", metavar="PLACE", help="the documents as kosplade.tools.encode encoded them; for one model"
    )
    parser.add_argument("--split", default="test", help="file of qrels/ (default: test)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: outputs/beir/<name of the BEIR folder>")
    parser.add_argument("--no-titles", action="store_true", help="documents are their texts alone")
    parser.add_argument(
        "--baselines",
        nargs="+",
        choices=BASELINES,
        default=BASELINES,
        metavar="NAME",
        help=f"of {', '.join(BASELINES)} (default: all); dense takes longer than all the rest",
    )
    parser.add_argument(
        "--identical-ids",
        choices=("ignore", "keep"),
        default="ignore",
        help="a document with the id of the query: not counted, as in BEIR (default), or like any other",
    )
    for side, default in (("query", 64), ("document", 512)):
        parser.add_argument(
            f"--max-{side}-length",
            type=positive,
            default=default,
            metavar="N",
            help=f"pieces of a {side} (default: {default})",
        )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
