"""Write another form of an exported folder: `python -m kosplade.tools.variants MODEL OUTPUT --kind ...`."""

import argparse
import sys
from pathlib import Path

from kosplade.errors import UserError
from kosplade.tools.opensearch.documents import count_documents, read_documents
from kosplade.tools.variants.writing import KINDS, write_variant


def main(arguments: list[str]) -> None:
    """Write what the command line says; a UserError is one line and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.variants", description=__doc__.split(":")[0])
    parser.add_argument("model", type=Path, metavar="MODEL", help="an export; for onnx and int8 also a pruned one")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="a new folder, or a variant to replace")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument(
        "--texts", type=Path, metavar="JSONL", help="recounted: what to count; pruned: of Latin words its pieces stay"
    )
    options = parser.parse_args(arguments)
    if options.texts and options.kind not in ("pruned", "recounted"):
        parser.error("--texts is for --kind pruned and recounted; make that first, then the other kind of it")
    try:
        texts = []
        if options.texts:
            count_documents(options.texts)  # names what is wrong with the file as a whole
            texts = [document.encoded for document in read_documents(options.texts)]
        print(write_variant(options.model, options.output, options.kind, texts))
    except UserError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
