"""Training files: every record comes through as it is, or the first line that cannot is named."""

from fuzz.cases import outcome, share
from fuzz.lines import bad_lines, good_lines
from fuzz.texts import damaged
from hypothesis import given
from hypothesis import strategies as st

from kosplade.records.jsonl import read_numbered
from kosplade.records.record import read_records

good = good_lines().map(lambda pair: (*pair, False))
blank = st.sampled_from([b"", b" ", b"\t", b"\r", b"\x0b"]).map(lambda line: (line, None, False))
bad = bad_lines.map(lambda line: (line, None, True))


@share(20)
@given(lines=st.lists(st.one_of(good, good, good, blank, bad), max_size=6), end=st.sampled_from([b"", b"\n", b"\n\n"]))
def test_every_line_is_a_record_or_the_error(folder, lines, end):
    path = folder / "train_a.jsonl"
    path.write_bytes(b"\n".join(line for line, _, _ in lines) + end)
    first = next((number for number, (_, _, is_bad) in enumerate(lines, start=1) if is_bad), 0)
    found = []
    _, message = outcome(lambda: found.extend(read_records(path)))
    assert (message or "").startswith(f"{path}:{first}: " if first else "")
    assert (message is None) == (not first)
    assert found == [record for _, record, _ in (lines[: first - 1] if first else lines) if record]


@share(10)
@given(data=st.lists(good_lines(), min_size=1, max_size=3).flatmap(lambda g: damaged(b"\n".join(x for x, _ in g))))
def test_a_damaged_file_loses_no_line_in_silence(folder, data):
    path = folder / "train_b.jsonl"
    path.write_bytes(data)
    found, message = outcome(lambda: list(read_numbered(path)))
    if message is None:
        lines = enumerate(data.split(b"\n"), start=1)
        assert [number for number, _ in found] == [number for number, line in lines if line.strip()]
    else:
        assert message.startswith(f"{path}:")
        assert message.removeprefix(f"{path}:").partition(":")[0].isdecimal()
