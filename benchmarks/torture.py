"""Kills and refusals, stage by stage, each made up for by the same command: `make torture`.

In a clone where the small pipeline has run, DVC runs one stage over, in `dvc repro` or in `dvc exp run`. At a random
moment its process group is killed; or the system refuses it space, writing or memory; or Ctrl-C comes. Then the same
command must end well and leave every file, dvc.lock and the metrics as they were before, and nothing else.
"""

import argparse
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults import MENDS, REFUSALS, STAGES, WAYS, Ended, Place, can_mount, difference
from pipeline.conftest import Clone, small_clone

from kosplade.files import write_json
from kosplade.retrieval.table import format_table

PHASES = ("before the stage", "in the stage", "after the stage")
Row = dict[str, object]


class Campaign:
    """The faults so far; each gives one printed line."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place = place
        self.random = random.Random(seed)
        self.rows: list[Row] = []
        self.state = place.state()
        self.seconds: dict[tuple, Ended] = {}

    def undisturbed(self, stage: str, way: tuple[str, ...]) -> Ended:
        """A run that nobody disturbs, once: how long it takes, and that it changes nothing."""
        if (stage, way) not in self.seconds:
            ended = self.place.over(stage, way)
            if problems := self.problems(ended, way):
                sys.exit(f"Error: {' '.join(way)} {stage} fails undisturbed: {problems}\n{ended.output[-2000:]}")
            self.seconds[stage, way] = ended
        return self.seconds[stage, way]

    def kill(self, stage: str, way: tuple[str, ...]) -> None:
        """SIGKILL for the whole group at a random moment, then the same command."""
        share = self.random.random()
        struck = None
        while not (struck and struck.is_struck):  # a machine less busy than before ends sooner
            after = share * self.undisturbed(stage, way).seconds
            struck = self.place.over(stage, way, strike=(signal.SIGKILL, after, False))
            share *= 0.9
        ended, mend = self.place.again(stage, way)
        problems = self.problems(ended, way)
        if mend and ended.output.count("Running stage") > 1:
            problems.append("other stages ran again, not from the run-cache")
        detail = f"{struck.phase(stage)}, {struck.seconds:.1f} s, {' '.join(way[:3])}"
        self.tell(stage, "kill", detail + f", {mend}" * bool(mend), problems)

    def refuse(self, stage: str, what: str) -> None:
        """The system refuses something: one line that names the stage, nothing left behind."""
        ended = self.place.refused(stage, what)
        self.tell(stage, what, *self.one_line(ended, f"Error: stage {stage}: {REFUSALS[what][1]}"))

    def interrupt(self, stage: str, share: float) -> None:
        """Ctrl-C after a share of the stage's time."""
        seconds = share * self.undisturbed(stage, WAYS[0]).seconds / 2
        ended = self.place.over(stage, strike=(signal.SIGINT, seconds, True))
        problems = [] if ended.is_struck else ["it ended before Ctrl-C came"]
        if ended.phase(stage) == "after the stage":  # DVC's to say: the stage had ended
            said = "ERROR: interrupted by the user"
            more = [] if said in ended.output and ended.code else [ended.output[-800:]]
            self.tell(stage, "Ctrl-C", f"{seconds:.1f} s into DVC's own work: {said}", problems + more)
            return
        line, more = self.one_line(ended, "Error: ")
        self.tell(stage, "Ctrl-C", f"{seconds:.1f} s into the stage: {line}", problems + more)

    def restore(self, stage: str) -> None:
        """After faults of a stage: the command that failed now ends well."""
        problems = self.problems(self.place.over(stage), WAYS[0])
        self.tell(stage, "run again", "after the faults above", problems)

    def one_line(self, ended: Ended, start: str) -> tuple[str, list[str]]:
        errors = ended.errors()
        checks = {
            "it did not fail": ended.code == 0,
            f"{len(errors)} lines of ours, not one": len(errors) != 1,
            f"no line begins {start!r}": not any(line.startswith(start) for line in errors),
            "a traceback": "Traceback" in ended.output,
            "files left behind": "LEFT BEHIND" in ended.output,
        }
        problems = [problem for problem, is_there in checks.items() if is_there]
        return (errors or [""])[0], problems + ([ended.output[-800:]] if problems else [])

    def problems(self, ended: Ended, way: tuple[str, ...]) -> list[str]:
        """What keeps a run that should have ended well from having done so."""
        if ended.code:
            return [f"exit code {ended.code}", ended.output[:1000], ended.output[-1000:]]
        if way is not WAYS[0]:
            self.place.clone.run("dvc", "exp", "remove", way[-1])
        return difference(self.state, self.place.state())

    def tell(self, stage: str, fault: str, detail: str, problems: list[str]) -> None:
        self.rows.append({"stage": stage, "fault": fault, "detail": detail, "problems": problems})
        print(f"{len(self.rows):3}  {stage:8} {fault:16} {'FAILED' if problems else 'ok':6} {detail}", flush=True)
        for problem in problems:
            print(f"       {problem}", flush=True)


def table(rows: list[Row]) -> str:
    """By stage, ok of all: kills, by phase and by what else a user had to do; refusals, Ctrl-C, the run after."""
    shown = []
    for stage in (*STAGES, "all"):
        mine = [row for row in rows if stage in (row["stage"], "all")]
        counts: Counter[str] = Counter()
        good: Counter[str] = Counter()
        for row in mine:
            names = [row["fault"]]
            if row["fault"] == "kill":
                names += [part for part in (*PHASES, *MENDS) if part in str(row["detail"])]
            counts.update(names)
            good.update(names if not row["problems"] else [])
        columns = ("kill", *PHASES, *MENDS, *REFUSALS, "Ctrl-C", "run again")
        shown.append({"stage": stage} | {name: f"{good[name]}/{counts[name]}" for name in columns})
    return format_table(shown, list(shown[0]))


def campaign(place: Place, kills: int, seed: int, stages: list[str], refusals: bool) -> list[Row]:
    """Refusals of every stage, then the kills: stages and ways in turn."""
    run = Campaign(place, seed)
    print(f"seed {seed}, {kills} kills, stages {', '.join(stages)}", flush=True)
    if not can_mount():
        print("full disk and read-only folder are left out: this user may not mount", flush=True)
    for stage in stages if refusals else []:
        for what in REFUSALS:
            if can_mount() or "unshare" not in REFUSALS[what][0]:
                run.refuse(stage, what)
        run.restore(stage)
        for share in (0.3, run.random.uniform(0.4, 0.9)):
            run.interrupt(stage, share)
        run.restore(stage)
    turns = [(stage, way) for way in WAYS for stage in stages]
    for number in range(kills):
        run.kill(*turns[number % len(turns)])
    return run.rows


@contextmanager
def place_of(folder: Path | None) -> Iterator[Place]:
    """A clone that `folder` keeps for the next campaign, or one for this campaign only."""
    with tempfile.TemporaryDirectory(prefix="torture.") as temporary:
        root = (folder or Path(temporary)).absolute()
        clone = Clone(root / "repository")
        if not clone.folder.exists():
            print("the small pipeline runs once, without faults", flush=True)
            small_clone(clone.folder)
        yield Place(clone, Path(temporary) / "scratch")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--kills-only", action="store_true", help="no refusals, no Ctrl-C")
    parser.add_argument("--folder", type=Path, help="keep the clone there, or take the one that is there")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    with place_of(arguments.folder) as place:
        rows = campaign(place, arguments.kills, arguments.seed, arguments.stages, not arguments.kills_only)
    print(f"\n{table(rows)}")
    if arguments.json:
        write_json(arguments.json, {"kills": arguments.kills, "seed": arguments.seed, "faults": rows})
    sys.exit(any(row["problems"] for row in rows))
