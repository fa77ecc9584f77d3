"""What a change does to parameters and metrics, as one Markdown comment for its pull request.

`python -m kosplade.report.pull_request BASE` compares the workspace with the merge base of HEAD and BASE, judges
it by gates.yaml, and ends with exit code 1 if a gate fails.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from kosplade.console import run_command
from kosplade.errors import UserError
from kosplade.report.experiments import Files, git, is_shallow
from kosplade.report.gates import read_gates
from kosplade.report.review.comment import code, comment
from kosplade.report.review.outcomes import Diff, judge_limits, judge_quality

DIRTY = ", with changes that are not committed"
STALE = " and that `dvc repro` has not run: the figures are those of before"


def main(arguments: Sequence[str]) -> None:
    """Print the comment; the exit code is 1 if a gate fails."""
    if len(arguments) != 1:
        raise UserError("Name the branch or commit that the change is for: python -m kosplade.report.pull_request main")
    (branch,), gates = arguments, read_gates()
    base = _merge_base(branch)
    params, metrics = _diff("params", base), _diff("metrics", base)
    outcomes = judge_limits(gates.limits, metrics)
    outcomes += judge_quality(gates.not_worse, params, metrics, Files(base), Files(None))
    here = git("describe", "--always", "--exclude=*", f"--dirty={DIRTY}").strip()
    here += STALE if here.endswith(DIRTY) and not _is_current() else ""
    revisions = f"Base: {base[:7]}, where this change left {code(branch)}. Now: {here}."
    print(comment(branch, revisions, outcomes, params, metrics))
    sys.exit(any(outcome.passes is False for outcome in outcomes))


def _merge_base(branch: str) -> str:
    """Where HEAD left `branch`. Raises UserError without such a commit, in a shallow clone with the way to get it."""
    try:
        return git("merge-base", branch, "HEAD").strip()
    except UserError as error:
        if not is_shallow():
            raise
        whole = "git remote set-branches origin '*' && git fetch --unshallow"
        raise UserError(f"{error}. This clone is shallow. Run: {whole}; then BASE=origin/NAME") from None


def _is_current() -> bool:
    """Whether dvc.lock is that of the files here, by the command of `make check-lock`; false while a stage runs."""
    done = _dvc("repro", "--dry", "--allow-missing")
    return "Data and pipelines are up to date." in done.stdout + done.stderr


def _diff(kind: str, base: str) -> Diff:
    """`dvc params diff` or `dvc metrics diff`, what is equal included; UserError if it did not read everything."""
    done = _dvc(kind, "diff", base, "--all", "--json")
    said = done.stderr.strip().splitlines()
    # DVC goes on without a file of the workspace, as if it had never been, and calls that success.
    incomplete = [line for line in said if "failed to load" in line and "'workspace'" in line]
    if done.returncode or incomplete:
        raise UserError(f"dvc {kind} diff {base}: {(incomplete or said)[-1]} Run: dvc repro")
    return json.loads(done.stdout)


def _dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)


if __name__ == "__main__":
    run_command(main)
