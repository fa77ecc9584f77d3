"""Encode a collection into Parquet shards, here or on Ray: `python -m kosplade.tools.encode --help`.

Arguments are read before torch is imported: --help and a misspelt option are answered at once.
"""

import argparse
from pathlib import Path

from kosplade.console import run_command, say
from kosplade.tools.options import positive, refuse_outs

LINES = 4096  # of a shard: a minute of a CPU, what an interruption costs


def main(arguments: list[str]) -> None:
    """Encode what the arguments name. Raises UserError."""
    options = _parse(arguments)
    from kosplade.records.inputs import find_sources
    from kosplade.tools.encode.recipe import Recipe
    from kosplade.tools.encode.running import Work, encode_here, encode_on_ray
    from kosplade.tools.encode.shards import Folder, about
    from kosplade.tools.opensearch.mapping import fingerprint

    if "://" not in options.output:
        refuse_outs(Path(options.output), "--output")
    sources = find_sources(options.input)
    recipe = Recipe(options.model.resolve(), options.max_document_length, options.dtype)
    vocabulary = len(recipe.load().unserved_V)  # says what is wrong with the model before a cluster starts
    shared = {"max_document_length": recipe.max_document_length, "dtype": recipe.dtype, "lines": options.shard_lines}
    described = about(fingerprint(options.model), vocabulary, shared, sources)
    folder = Folder(options.output)
    done = folder.begin(described)
    if done:
        say("encode", f"{options.output}: {sum(map(len, done.values()))} shards are there already")
    work = Work(recipe, sources, folder, options.shard_lines, done, options.strict)
    if options.ray is None:
        encode_here(work)
    else:
        encode_on_ray(work, options.ray or None, options.actors, options.threads)
    totals = folder.finish(described)
    mean = totals["nnz"] / max(totals["documents"], 1)
    say(
        "encode",
        f"{options.output}: {totals['documents']} documents, {mean:.1f} pieces each, {totals['shards']} shards",
    )
    if totals["rejected"]:
        say("encode", f"{totals['rejected']} lines are no documents: {options.output}/rejected says why")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.encode", description=__doc__.split(":")[0])
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="an exported model or a variant of it")
    parser.add_argument(
        "--input",
        required=True,
        nargs="+",
        metavar="PLACE",
        help="JSONL (plain, .gz, .zst) or Parquet with _id, text and, if there is one, title: files, folders, URIs",
    )
    parser.add_argument("--output", required=True, metavar="PLACE", help="a new folder, or one to go on with; or a URI")
    parser.add_argument(
        "--max-document-length", type=positive, default=512, metavar="N", help="pieces of a document (default: 512)"
    )
    parser.add_argument(
        "--dtype", choices=("float32", "bfloat16"), default="float32", help="bfloat16 is for GPUs (default: float32)"
    )
    parser.add_argument("--strict", action="store_true", help="end at the first line that is no document")
    parser.add_argument(
        "--shard-lines", type=positive, default=LINES, metavar="N", help=f"lines of a shard (default: {LINES})"
    )
    cluster = parser.add_argument_group("Ray")
    cluster.add_argument(
        "--ray", nargs="?", const="", metavar="ADDRESS", help="of a cluster; without ADDRESS one on this machine"
    )
    cluster.add_argument(
        "--actors", type=positive, metavar="N", help="default: one a GPU, else one every --threads CPUs"
    )
    cluster.add_argument("--threads", type=positive, default=1, metavar="N", help="of an actor on a CPU (default: 1)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main, "Shards that are written stay: run the same command again.")
