"""Zip files whose bytes depend on nothing but what is in them, so that DVC finds equal ones equal."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile


def write_zip(target: Path, members: Mapping[str, Callable[[], BinaryIO]], level: int | None) -> None:
    """Write `members` (name: what opens it) in order, all dated 1980; stored, or deflated at `level` (1 to 9)."""
    with ZipFile(target, "w", ZIP_STORED if level is None else ZIP_DEFLATED, compresslevel=level) as archive:
        for name, open_source in members.items():
            # By name, not by file: that is what leaves date, owner and mode out. Sizes are not known in advance.
            with open_source() as source, archive.open(name, "w", force_zip64=False) as member:
                shutil.copyfileobj(source, member, 1 << 20)
