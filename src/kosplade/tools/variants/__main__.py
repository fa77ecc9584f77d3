"""Write another form of an exported folder: `python -m kosplade.tools.variants MODEL OUTPUT --kind ...`."""

import argparse
from pathlib import Path

from kosplade.console import run_command
from kosplade.records.inputs import find_sources
from kosplade.tools.variants.writing import KINDS, write_variant


def main(arguments: list[str]) -> None:
    """Write what the command line says. Raises UserError."""
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.variants", description=__doc__.split(":")[0])
    parser.add_argument("model", type=Path, metavar="MODEL", help="an export; for onnx and int8 also a pruned one")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="a new folder, or a variant to replace")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument(
        "--texts",
        nargs="+",
        default=[],
        metavar="PLACE",
        help="recounted: what to count; pruned: of Latin words its pieces stay; as --input of kosplade.tools.encode",
    )
    parser.add_argument("--ray", nargs="?", const="", metavar="ADDRESS", help="recounted: count on Ray")
    options = parser.parse_args(arguments)
    if options.texts and options.kind not in ("pruned", "recounted"):
        parser.error("--texts is for --kind pruned and recounted; make that first, then the other kind of it")
    texts = find_sources(options.texts)
    print(write_variant(options.model, options.output, options.kind, texts, options.ray))


if __name__ == "__main__":
    run_command(main)
