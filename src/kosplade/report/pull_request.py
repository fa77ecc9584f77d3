"""What a change does to parameters and metrics, as one Markdown comment for its pull request.

`python -m kosplade.report.pull_request BASE` compares the workspace with the merge base of HEAD and BASE, judges
it by gates.yaml, and ends with exit code 1 if a gate fails.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

from kosplade.errors import UserError
from kosplade.report.experiments import is_shallow
from kosplade.report.review.comment import code, comment
from kosplade.report.review.gates import Diff, judge_limits, judge_quality, read_gates
from kosplade.report.review.paired import commit_queries, workspace_queries

DIRTY = ", with changes that are not committed"
STALE = " and that `dvc repro` has not run: the figures are those of before"


def main(arguments: Sequence[str]) -> None:
    """Print the comment; the exit code is 1 if a gate fails."""
    parser = argparse.ArgumentParser(prog="python -m kosplade.report.pull_request", description=__doc__)
    parser.add_argument("base", metavar="BASE", help="branch or commit that the change is for, such as main")
    branch = parser.parse_args(arguments).base
    gates = read_gates()
    base = _merge_base(branch)
    params, metrics = _diff("params", base), _diff("metrics", base)
    version = params.get("params.yaml", {}).get("version", {})
    outcomes = judge_limits(gates.limits, metrics) + judge_quality(
        gates.not_worse,
        metrics,
        lambda: (commit_queries(base, version.get("old")), workspace_queries(version.get("new"))),
    )
    here = _run("git", "describe", "--always", "--exclude=*", f"--dirty={DIRTY}").strip()
    here += STALE if here.endswith(DIRTY) and not _is_current() else ""
    revisions = f"Base: {base[:7]}, where this change left {code(branch)}. Now: {here}."
    print(comment(branch, revisions, outcomes, params, metrics))
    sys.exit(any(outcome.passes is False for outcome in outcomes))


def _merge_base(branch: str) -> str:
    """Where HEAD left `branch`. Raises UserError without such a commit, in a shallow clone with the way to get it."""
    try:
        return _run("git", "merge-base", branch, "HEAD").strip()
    except UserError as error:
        if not is_shallow():
            raise
        whole = "git remote set-branches origin '*' && git fetch --unshallow"
        raise UserError(f"{error}. This clone is shallow. Run: {whole}; then BASE=origin/NAME") from None


def _is_current() -> bool:
    """Whether dvc.lock is that of the files here, by the command of `make check-lock`; false while a stage runs."""
    command = (sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing")
    done = subprocess.run(command, capture_output=True, text=True)
    return "Data and pipelines are up to date." in done.stdout + done.stderr


def _diff(kind: str, base: str) -> Diff:
    """`dvc params diff` or `dvc metrics diff`, what is equal included."""
    return json.loads(_run(sys.executable, "-m", "dvc", kind, "diff", base, "--all", "--json"))


def _run(*command: str) -> str:
    """What a command prints. Raises UserError with its last line if it fails or did not read the whole workspace."""
    done = subprocess.run(command, capture_output=True, text=True)
    name = " ".join(command).replace(f"{sys.executable} -m ", "")
    said = done.stderr.strip()
    if done.returncode:
        why = said.splitlines()[-1] if said else "no common history"
        raise UserError(f"{name}: {why}")
    if incomplete := [line for line in said.splitlines() if "failed to load" in line and "'workspace'" in line]:
        # DVC goes on without the file, as if it had never been, and calls that success.
        raise UserError(f"{name}: {incomplete[0]} Run: dvc repro")
    return done.stdout


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"Error: {error}")
