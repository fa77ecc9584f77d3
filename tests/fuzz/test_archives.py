"""Wheels (zip), .tar.gz and .jsonl.gz: what is in them is read in memory, or the file is named."""

import gzip
import io
import json
import re
import tarfile
import zipfile
from pathlib import Path

from fuzz.cases import case, outcome, share
from fuzz.lines import blank_lines, good_lines
from fuzz.texts import damaged
from hypothesis import given
from hypothesis import strategies as st

from kosplade.tools.imports.rows import read_tar_member, rows
from kosplade.wheels import members, read_member

LIMIT = 2000
names = st.sampled_from(
    [
        "a.txt",
        "tiny/a.txt",
        "../a.txt",
        "/tmp/a.txt",
        "a/../../b.txt",
        "C:\\a.txt",
        "질문.txt",
        "a\u202e.txt",
        "..",
        "./c",
    ]
)
contents = st.one_of(st.binary(max_size=60), st.integers(0, 4 * LIMIT).map(lambda size: b"0" * size))
packed = st.dictionaries(names, contents, max_size=4)


def zipped(files: dict[str, bytes], method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def listing(folder: Path) -> set[Path]:
    return set(folder.rglob("*")) | set(folder.parent.glob("*"))


@share(5)
@given(files=packed, method=st.sampled_from([0, 8, 12, 14]))
def test_a_whole_wheel(folder, files, method):
    path = folder / "whole.whl"
    path.write_bytes(zipped(files, method))
    before = listing(folder)
    with case("wheels"):
        assert members(path) == sorted(files)
        for name, data in files.items():
            found, message = outcome(lambda name=name: read_member(path, name, LIMIT))
            assert (found == data) if len(data) <= LIMIT else (f"{LIMIT:,} bytes" in message)
        assert "has no file" in outcome(lambda: read_member(path, "absent", LIMIT))[1]
        assert listing(folder) == before


@share(6)
@given(data=st.data(), files=packed, method=st.sampled_from([0, 8, 12, 14]))
def test_a_damaged_wheel(folder, data, files, method):
    path = folder / "damaged.whl"
    path.write_bytes(data.draw(damaged(zipped(files, method))))
    with case("damaged wheels"):
        found, message = outcome(lambda: members(path))
        assert message is None or message.startswith(f"{path} is not a wheel")
        for name in found or []:
            one, message = outcome(lambda name=name: read_member(path, name, LIMIT))
            assert len(one) <= LIMIT if message is None else message.startswith(str(path))


def tarred(files: dict[str, bytes], form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@share(5)
@given(
    data=st.data(),
    files=packed,
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    where=st.sampled_from(["nowhere", "inside", "outside"]),
)
def test_a_tar_archive(folder, data, files, form, where):
    path = folder / "a.tar.gz"
    inner = tarred(files, form)
    inner = data.draw(damaged(inner)) if where == "inside" else inner
    outer = gzip.compress(inner, 1, mtime=0)
    path.write_bytes(data.draw(damaged(outer)) if where == "outside" else outer)
    before = listing(folder)
    leading_out = [name for name in files if name.startswith("/") or ".." in Path(name).parts]
    with case(".tar.gz"):
        for name in files or ["a.txt"]:
            found, message = outcome(lambda name=name: read_tar_member(path, name, LIMIT))
            assert message is None or message.startswith(str(path))
            if where == "nowhere":
                assert (message is None) == (
                    name in files and not leading_out and sum(map(len, files.values())) <= LIMIT
                )
                assert found is None or found == files[name]
        assert listing(folder) == before


@share(4)
@given(
    data=st.data(),
    lines=st.lists(st.one_of(good_lines(), blank_lines.map(lambda line: (line, None))), max_size=4),
    where=st.sampled_from(["nowhere", "inside", "outside"]),
)
def test_packed_lines(folder, data, lines, where):
    path = folder / "rows.jsonl.gz"
    inner = b"\n".join(line for line, _ in lines)
    inner = data.draw(damaged(inner)) if where == "inside" else inner
    outer = gzip.compress(inner, 1, mtime=0)
    path.write_bytes(data.draw(damaged(outer)) if where == "outside" else outer)
    with case(".jsonl.gz"):
        found, message = outcome(lambda: list(rows(path)))
        if message is None and where != "outside":
            assert len(found) == sum(1 for line in inner.split(b"\n") if line.strip())
        assert message is None or re.match(rf"{re.escape(str(path))}:(\d+| broken)", message)
        if where == "nowhere":
            assert message is None
            assert [json.dumps(row["query"]) for _, row in found] == [
                json.dumps(json.loads(line.decode("utf-8-sig"))["query"]) for line, record in lines if record
            ]
