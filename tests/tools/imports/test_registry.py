"""The registry that is shipped, and what a broken one says."""

import json
import re
from pathlib import Path

import pytest
import yaml

from kosplade.errors import UserError
from kosplade.files import read_model
from kosplade.tools.imports.registry import Registry, find_dataset

SHIPPED = Path(__file__).parents[3] / "data/registry.yaml"
ENTRIES = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["datasets"]
NAMES = ["korquad", "klue-mrc", "ko-strategyqa", "miracl-ko", "autorag"]


def test_the_shipped_registry_is_whole():
    datasets = read_model(SHIPPED, Registry).datasets
    assert [dataset.name for dataset in datasets] == NAMES
    assert [dataset.train for dataset in datasets if dataset.train] == [
        Path("data/v24.0/train_korquad.jsonl"),
        Path("data/v24.0/train_klue-mrc.jsonl"),
    ]
    for dataset in datasets:
        assert dataset.beir == Path(f"data/beir/{dataset.name}")
        names = {download.name for download in dataset.downloads}
        for reference in (reference for references in dataset.files.values() for reference in references):
            assert Path(reference).parts[0] in names
        for download in dataset.downloads:
            assert download.arguments[1].startswith("https://")
            assert len(re.findall(r"\b[0-9a-f]{40}\b", " ".join(download.arguments))) == 1


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_the_comment_of_an_entry_says_where_its_facts_are_from(entry):
    own = SHIPPED.read_text(encoding="utf-8").split(f"- name: {entry['name']}\n")[1].split("- name: ")[0]
    assert re.search(r"^    # .*[Cc]ommits?\b", own, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size_": "1 MB"}, "datasets.0.size_: "),
        ({"urls": []}, "either urls or git"),
        ({"git": {"url": "https://x", "path": "y", "revision": "z"}}, "either urls or git"),
        ({"git": {"url": "https://x"}}, "datasets.0.git.path: "),
        ({"files": {"train": ["a"]}}, "files must name dev, train or corpus, qrels, queries"),
    ],
)
def test_a_broken_entry_is_named(tmp_path, changes, said):
    file = tmp_path / "registry.yaml"
    file.write_text(json.dumps({"datasets": [ENTRIES[0] | changes]}))
    with pytest.raises(UserError, match=rf"registry\.yaml: .*{said}") as error:
        find_dataset("korquad", file)
    assert "\n" not in str(error.value)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match=r"no data set 'squad'\. Run: make import .*korquad \(KorQuAD 1\.0\), klue-mrc"):
        find_dataset("squad", SHIPPED)


def test_a_missing_registry(tmp_path):
    with pytest.raises(UserError, match="Run from the root of the repository"):
        find_dataset("korquad", tmp_path / "registry.yaml")
