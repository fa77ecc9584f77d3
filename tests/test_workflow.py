"""The workflow of pull requests: what cannot be seen before GitHub runs it."""

import re
from pathlib import Path

import pytest
import yaml

from kosplade.tools.opensearch_server.install import VERSION

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def workflow() -> dict:
    return yaml.safe_load((ROOT / ".github/workflows/pull-request.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def steps(workflow) -> list[dict]:
    return workflow["jobs"]["metrics"]["steps"]


def test_it_may_read_the_repository_and_write_comments_only(workflow):
    assert workflow[True] == "pull_request"  # YAML 1.1 reads "on" as true
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_actions_are_githubs_own_and_pinned_by_commit(steps):
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/(checkout|setup-python|cache)@[0-9a-f]{40}", name) for name in used)


def test_the_report_is_made_and_posted_even_if_a_gate_fails(steps):
    place = next(i for i, step in enumerate(steps) if "make pr-report" in step.get("run", ""))
    assert "> comment.md" in steps[place]["run"]
    after = steps[place + 1]
    assert "gh pr comment" in after["run"]
    assert "--edit-last --create-if-none --body-file comment.md" in after["run"]
    assert after["if"].startswith("${{ !cancelled() ")


def test_every_make_target_exists(steps):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = {target for step in steps for target in re.findall(r"make ([\w-]+)", step.get("run", ""))}
    assert called == {"setup", "check-lock", "test", "pr-report", "test-full"}
    assert called <= set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))


def test_every_way_to_a_server_has_the_same_opensearch(workflow):
    """The image of the workflow, that of compose.yaml and what comes from Maven Central."""
    name = f"opensearchproject/opensearch:{VERSION}"
    assert workflow["jobs"]["metrics"]["services"]["opensearch"]["image"] == name
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert f"FROM {name}\n" in compose["services"]["opensearch"]["build"]["dockerfile_inline"]
    assert compose["services"]["opensearch"]["ports"] == ["127.0.0.1:9200:9200"]


def test_no_ci_passes_without_a_server(steps):
    [step] = [step for step in steps if step.get("run", "").startswith("make test-full")]
    assert step["env"] == {"OPENSEARCH_URL": "http://127.0.0.1:9200", "OPENSEARCH_NEEDED": "1"}
    assert "export OPENSEARCH_URL=http://127.0.0.1:9200 OPENSEARCH_NEEDED=1" in (ROOT / ".ci/run").read_text()
