"""All shards of all inputs: one after the other in this process, or by actors of Ray."""

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import torch
from tqdm import tqdm

import kosplade
from kosplade.console import say
from kosplade.errors import UserError, first_line
from kosplade.records.inputs import Shard, Source, read_shards
from kosplade.tools.encode.recipe import Recipe, encode_shard
from kosplade.tools.encode.shards import Folder

STRICT = "--strict: {error} Repair it, or leave --strict out and find such lines in rejected/."


@dataclass(frozen=True)
class Work:
    """What is to be done: `done` are the shards that are there, by the number of their source."""

    recipe: Recipe
    sources: Sequence[Source]
    folder: Folder
    lines: int
    done: Mapping[int, set[int]]
    strict: bool

    def read(self, file: int) -> Iterator[Shard]:
        """What is left of one source."""
        for shard in read_shards(self.sources[file], self.lines, self.done.get(file, ())):
            if self.strict and shard.rejected:
                raise UserError(STRICT.format(error=shard.rejected[0]["error"]))
            yield shard


def encode_here(work: Work) -> None:
    """In this process, with all of its cores or its GPU."""
    model = work.recipe.load()
    with _bar() as bar:
        for file in range(len(work.sources)):
            for shard in work.read(file):
                encode_shard(model, work.folder, file, shard)
                bar.update(len(shard.documents))


def encode_on_ray(work: Work, address: str | None, actors: int | None, threads: int) -> None:
    """By actors of a Ray cluster at `address`, or of one on this machine: one a GPU, else one every `threads` CPUs.

    Sources are read in parallel, and no faster than they are encoded. What a process or a node that dies had in hand
    is done again elsewhere. UserError for a cluster that cannot be reached, and what an actor ends with.
    """
    with ray_cluster(address) as ray:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        actors = actors or gpus or max(1, int(ray.cluster_resources()["CPU"]) // threads)
        share: dict[str, Any] = {"num_gpus": 1} if gpus else {"num_cpus": threads}
        say(
            "encode",
            f"Ray: {len(ray.nodes())} nodes, {actors} actors, {'a GPU' if gpus else f'{threads} threads'} each",
        )
        files = ray.data.from_items([{"file": n} for n in range(len(work.sources))])
        shards = files.flat_map(_read, fn_kwargs={"work": work}, num_cpus=0)
        pool = ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2)
        done = shards.map(_Actor, fn_constructor_args=(work, threads), compute=pool, **share)
        with _bar() as bar:
            for row in done.iter_rows():
                bar.update(row["documents"])


@contextmanager
def ray_cluster(address: str | None) -> Iterator[ModuleType]:
    """The module ray, connected; disconnected at the end. UserError for no cluster, and what its processes end with."""
    try:
        import ray
    except ImportError:
        raise UserError("--ray needs Ray. Install it: pip install -r requirements-tools.txt") from None
    # Nothing is sent to anyone. What a C++ process calls an error reaches us as an exception, or does not matter.
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"} | os.environ
    code = {"py_modules": [str(Path(kosplade.__file__).parent)]}  # the packages of requirements.txt are on the nodes
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False, "include_dashboard": None if address else False}
    try:
        _check_answers(address)
        ray.init(address or "local", runtime_env=code, **quiet)
    except (OSError, ValueError) as error:  # of a name, a port, a server that is none
        raise UserError(f"--ray: no cluster at {address} ({first_line(error)}). Start one: ray start --head") from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # ours is one bar
    context.target_max_block_size = 1  # a shard is a block: it goes to whoever is free
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield ray
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        raise UserError(str(cause) if isinstance(cause, UserError) else f"Ray: {first_line(error)}") from None
    finally:
        ray.shutdown()


def _check_answers(address: str | None) -> None:
    """OSError or ValueError unless something listens at host:port: Ray itself would wait for minutes."""
    if address and address != "auto":
        place = urlsplit(address if "://" in address else f"//{address}")
        socket.create_connection((place.hostname, place.port or 0), timeout=10).close()


class _Actor:
    def __init__(self, work: Work, threads: int) -> None:
        torch.set_num_threads(threads)
        self._work, self._model = work, work.recipe.load()

    def __call__(self, row: dict[str, Any]) -> dict[str, int]:
        shard = Shard.from_json(row["shard"])
        encode_shard(self._model, self._work.folder, row["file"], shard)
        return {"documents": len(shard.documents)}


def _read(row: dict[str, Any], work: Work) -> Iterator[dict[str, Any]]:
    for shard in work.read(row["file"]):
        yield {"file": row["file"], "shard": shard.to_json()}


def _bar() -> tqdm:
    return tqdm(desc="encode", unit="document", mininterval=1, smoothing=0.01)
