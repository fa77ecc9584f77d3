"""Stage `eval`; with `--beir DIR --model DIR` it evaluates exported models on any BEIR folder instead.

Arguments are read before torch is imported: --help and a misspelt option are answered at once.
"""

import argparse
import sys
from pathlib import Path

from kosplade.console import run_stage


def main(arguments: list[str]) -> None:
    """Evaluate what the arguments name, outside the pipeline; without arguments run the stage."""
    if arguments:
        options = _parse(arguments)
        from kosplade.tools.beir import evaluate_collection

        evaluate_collection(options)
    else:
        from kosplade.stages.evaluate_trained import body

        run_stage("eval", body)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m kosplade.stages.evaluate", description="Evaluate exported models on a BEIR folder."
    )
    parser.add_argument("--beir", type=Path, required=True, metavar="DIR", help="corpus.jsonl, queries.jsonl, qrels/")
    parser.add_argument(
        "--model", type=Path, required=True, action="append", metavar="DIR", help="an exported model; may be repeated"
    )
    parser.add_argument("--split", default="test", help="file of qrels/ (default: test)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: outputs/beir/<name of the BEIR folder>")
    parser.add_argument("--no-titles", action="store_true", help="documents are their texts alone")
    parser.add_argument(
        "--recount", action="store_true", help="also inference-free queries by the IDF of the collection itself"
    )
    parser.add_argument("--max-query-length", type=int, default=64, help="pieces of a query (default: 64)")
    parser.add_argument("--max-document-length", type=int, default=512, help="pieces of a document (default: 512)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
