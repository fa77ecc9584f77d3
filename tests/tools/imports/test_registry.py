"""The registry that is shipped, and what a broken one says."""

import re
from copy import deepcopy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kosplade.errors import UserError
from kosplade.tools.imports.registry import find_dataset, read_registry

SHIPPED = Path(__file__).parents[3] / "data/registry.yaml"
ENTRIES = YAML(typ="safe").load(SHIPPED.read_text(encoding="utf-8"))["datasets"]
NAMES = ["korquad", "klue-mrc", "ko-strategyqa", "miracl-ko", "autorag"]


def test_the_shipped_registry_is_whole():
    datasets = read_registry(SHIPPED)
    assert [dataset.name for dataset in datasets] == NAMES
    for dataset in datasets:
        assert dataset.beir == Path("data/beir", dataset.name)
        assert dataset.train in (None, Path(f"data/v24.0/train_{dataset.name}.jsonl"))
        assert all(re.fullmatch(r"[0-9a-f]{40}", revision) for revision in dataset.revisions)
        names = {download.name for download in dataset.downloads}
        for reference in (reference for references in dataset.files.values() for reference in references):
            assert Path(reference.partition("#")[0]).parts[0] in names
        for download in dataset.downloads:
            address = download.arguments[1]
            assert address.startswith("https://")
            assert download.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", download.sha256)
            assert sum(revision in " ".join(download.arguments) for revision in dataset.revisions) == 1


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_the_comment_of_an_entry_says_where_its_facts_are_from(entry):
    own = SHIPPED.read_text(encoding="utf-8").split(f"- name: {entry['name']}\n")[1].split("- name: ")[0]
    assert re.search(r"^    # .*[Cc]ommits?\b", own, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licence": ""}, "field 'licence' is missing or not a text."),
        ({"name": "../x"}, "a name is lower-case letters, digits, '-' and '.'."),
        ({"format": "csv"}, "format 'csv' is none of squad, beir, miracl."),
        ({"verified": "yes"}, "field 'verified' must be true or false."),
        ({"train": None}, "field 'train' belongs to the format squad, and only there."),
        ({"revisions": []}, "field 'revisions' is missing or holds something else than texts."),
        ({"source": "ftp"}, "source 'ftp' is none of git, url."),
        ({"urls": None}, "field 'urls' must be a list of entries with a 'url'."),
        ({"urls": [{"url": "https://x/a"}, {"url": "https://y/a"}]}, "two of its 'urls' end in the same name"),
        ({"source": "git", "url": "https://x"}, "field 'url and path' is missing"),
        ({"source": "git", "url": "u", "path": "p", "revisions": ["a", "b"]}, "a git source has one revision, not 2."),
        ({"files": {"train": ["a"]}}, "field 'files' must name dev, train."),
        ({"files": {"train": ["a"], "dev": "b"}}, "field 'files.dev' is missing"),
    ],
)
def test_a_broken_entry_is_named(tmp_path, changes, message):
    file = tmp_path / "registry.yaml"
    with file.open("w", encoding="utf-8") as out:
        YAML().dump({"datasets": [deepcopy(ENTRIES[0]) | changes]}, out)
    with pytest.raises(UserError) as error:
        read_registry(file)
    assert str(error.value).startswith(f"{file}: data set '{changes.get('name', 'korquad')}': {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["datasets: [", "[]", "datasets: {a: 1}", "datasets: [a]"])
def test_a_broken_file_is_one_line(tmp_path, content):
    (tmp_path / "registry.yaml").write_text(content)
    with pytest.raises(UserError, match=r"registry\.yaml: ") as error:
        read_registry(tmp_path / "registry.yaml")
    assert "\n" not in str(error.value)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match=r"no data set 'squad'\. Run: make import .*korquad \(KorQuAD 1\.0\), klue-mrc"):
        find_dataset("squad", SHIPPED)


def test_a_missing_registry(tmp_path):
    with pytest.raises(UserError, match="Run from the root of the repository"):
        find_dataset("korquad", tmp_path / "registry.yaml")
