"""A clone holds the same bytes whatever the user's Git does with line ends: dvc.lock knows them by hash."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_clone_with_autocrlf_holds_the_same_bytes(tmp_path):
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet", "origin")
    files = (".gitattributes", "params.yaml", "src/kosplade/paths.py", "data/stopwords_ko.txt")
    for name in files:
        (tmp_path / "origin" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "origin" / name).write_bytes((ROOT / name).read_bytes())
    git("-C", "origin", "add", ".")
    git("-C", "origin", "commit", "--quiet", "-m", "one")
    git("clone", "--quiet", "-c", "core.autocrlf=true", "origin", "clone")
    for name in files:
        assert (tmp_path / "clone" / name).read_bytes() == (ROOT / name).read_bytes(), name
