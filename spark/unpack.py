"""Tables out of workbooks and archives, as plain files that the executors can read.

The driver takes them out, since neither can be split; each becomes a file of its own (a sheet as Parquet, a member of an archive as it is)
in a private folder that is gone when the run is over, however it ends. Memory holds one batch of rows, besides the one sheet being read.
"""

import datetime
import math
import re
import shutil
import tempfile
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine
from pyspark.sql import SparkSession

from crmsearch.cleaning.headers import knows_header
from crmsearch.errors import InputError
from crmsearch.settings import LOOPBACK, Settings, StorageSettings
from spark.storage import reach, remove_folder, send_file

__all__ = ["TableFile", "Workspace", "cell_text", "is_packed", "make_workspace", "staging_place", "tables_of"]

BATCH_ROWS = 10_000
TITLE_ROWS = 20  # above a header; a sheet with more than these is no table
MAX_MEMBERS = 10_000
MAX_UNPACKED_BYTES = 64 << 30
# Deflate makes at most a thousandth; tables come to a tenth or twentieth. Small files may be as empty as they like.
MAX_RATIO, RATIO_FROM_BYTES = 200, 64 << 20
_TABLES = re.compile(r"\.(csv|tsv|json|jsonl|ndjson)(\.gz|\.bz2)?$|\.(xlsx|xlsm|parquet)$", re.IGNORECASE)
_HIDDEN = re.compile(r"\.(?!\.?$)|__MACOSX$")
_ENCRYPTED, _UTF8_NAME = 0x1, 0x800  # bits of a member's flags


class TableFile(msgspec.Struct, frozen=True, kw_only=True):
    """One table as a file.

    Attributes:
        label: what the user calls it: ``export.zip#crm/contacts.xlsx#Leads``.
        path: the file that holds it.
        headers: its header row, where the file itself has none (a sheet).
        recoded_from: the encoding it had before it was written as UTF-8.
    """

    label: str
    path: Path
    headers: tuple[str, ...] | None = None
    recoded_from: str = ""


class Workspace:
    """Where the tables of one run lie once they are taken out of workbooks and archives."""

    def __init__(self, spark: SparkSession, storage: StorageSettings, folder: Path, shared: str | None) -> None:
        self.storage = storage
        self.folder = folder
        self.shared = shared
        self.used = False
        self._spark = spark

    def publish(self, file: Path) -> str:
        """The URI by which executors read a file of this machine.

        Raises:
            InputError: there is no folder that they reach.
        """
        if self.shared is None or self.folder not in file.parents:
            # As Hadoop writes it: it takes no escapes for what they stand for.
            return f"file://{file}"
        if not self.shared:
            raise InputError(
                "a workbook or archive is taken apart by the driver, and the executors of this cluster see none of its folders; "
                "set CRMSEARCH_SPARK_STAGING_DIR to one that they reach, or unpack it"
            )
        self.used = True
        return send_file(self._spark, file, self.shared)


@contextmanager
def make_workspace(spark: SparkSession, settings: Settings) -> Iterator[Workspace]:
    """A folder of this machine that only its owner may enter and, on a cluster, one that executors reach; both go at the end."""
    default = str(spark._jsc.hadoopConfiguration().get("fs.defaultFS") or "")
    with tempfile.TemporaryDirectory(prefix="crmsearch-") as folder:
        master = str(spark.sparkContext.master)
        shared = staging_place(master, settings.spark.staging_dir, default)
        if shared:
            shared = reach(spark, f"{shared.rstrip('/')}/crmsearch-{uuid.uuid4().hex}", settings.storage)
        workspace = Workspace(spark, settings.storage, Path(folder), shared)
        try:
            yield workspace
        finally:
            if workspace.used and workspace.shared:
                remove_folder(spark, workspace.shared)


def staging_place(master: str, staging_dir: str, default_fs: str) -> str | None:
    """Folder that the executors of a master can read; ``None`` where they see this machine's files, empty where none is known.

    Args:
        master: the Spark master.
        staging_dir: the folder that the settings name, if any.
        default_fs: Hadoop's default file system, which a cluster's machines share unless it is ``file:``.
    """
    if staging_dir:
        return staging_dir
    if master.startswith("local") or urlsplit(master).hostname in LOOPBACK:
        return None
    return "" if urlsplit(default_fs).scheme in {"", "file"} else f"{default_fs.rstrip('/')}/tmp"  # noqa: S108 - the cluster's


def is_packed(name: str) -> bool:
    """Whether a file of this name is a workbook or an archive."""
    return name.lower().endswith((".xlsx", ".xlsm", ".xls", ".xlsb", ".zip"))


def tables_of(path: Path, label: str, folder: Path) -> list[TableFile]:
    """The tables in a file, each as a file of its own; the file itself if it is one table.

    Args:
        path: a file of this machine.
        label: what the user calls it.
        folder: where to put what is taken out.

    Raises:
        InputError: it is damaged, protected by a password, holds no table, or would grow beyond all measure.
    """
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return _tables_of_archive(path, label, folder)
    if suffix in {".xlsx", ".xlsm"}:
        return list(_tables_of_workbook(path, label, folder))
    if suffix in {".xls", ".xlsb"}:
        raise InputError(f"{label}: workbooks of this kind are not read; save it as .xlsx, or the table as CSV (UTF-8)")
    with path.open("rb") as file:
        if file.read(2) in {b"\xff\xfe", b"\xfe\xff"}:
            return [TableFile(label=label, path=_recoded(path, folder), recoded_from="UTF-16")]
    return [TableFile(label=label, path=path)]


def _tables_of_archive(path: Path, label: str, folder: Path) -> list[TableFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, label)
            _check_size(path, members, label, folder)
            found = []
            for name, member in members:
                target = _free_name(folder, PurePosixPath(name).name)
                # The name on disk is ours, so that no member can point anywhere else.
                with archive.open(member) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
                found.append((f"{label}#{name}", target))
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise InputError(f"{label} is no zip archive, or is damaged; make or fetch it again") from error
    except NotImplementedError as error:
        raise InputError(f"{label} is packed in a way that is not read; pack it again as a plain .zip, or unpack it") from error
    return [table for name, target in found for table in tables_of(target, name, folder)]


def _members(archive: zipfile.ZipFile, label: str) -> list[tuple[str, zipfile.ZipInfo]]:
    """The tables among the members, with their names as their owner wrote them."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise InputError(f"{label} has {len(infos):,} members, more than {MAX_MEMBERS:,}; is it an export?")
    named = [(_member_name(info), info) for info in infos if not info.is_dir() and info.file_size]
    # Mac and Windows put files of their own beside those of the user.
    named = [(name, info) for name, info in named if not any(_HIDDEN.match(part) for part in PurePosixPath(name).parts)]
    if inner := [name for name, _ in named if re.search(r"\.(zip|rar|7z|tar|tgz)$", name, re.IGNORECASE)]:
        raise InputError(f"{label} holds another archive, {inner[0]}; take it out and name it by itself")
    # Notes often lie beside tables, but a text file alone may be one.
    tables = [each for each in named if _TABLES.search(each[0])] or [each for each in named if each[0].lower().endswith(".txt")]
    if not tables:
        raise InputError(f"{label} holds no table (.csv, .tsv, .xlsx, .json, .parquet)")
    if any(info.flag_bits & _ENCRYPTED for _, info in tables):
        raise InputError(f"{label} is protected by a password; pack it again without one, or unpack it")
    return sorted(tables, key=lambda each: each[0])


def _member_name(info: zipfile.ZipInfo) -> str:
    """A name is UTF-8 if its flag says so; else it is what the packing machine used, in China mostly GBK."""
    if info.flag_bits & _UTF8_NAME:
        return info.filename
    raw = info.orig_filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return info.filename


def _check_size(path: Path, members: Sequence[tuple[str, zipfile.ZipInfo]], label: str, folder: Path) -> None:
    total = sum(info.file_size for _, info in members)
    packed = max(1, path.stat().st_size)
    if total > MAX_UNPACKED_BYTES or (total > RATIO_FROM_BYTES and total > MAX_RATIO * packed):
        raise InputError(
            f"{label} would unpack to {total >> 20:,} MiB from {packed >> 10:,} KiB, as no export does; unpack it yourself if you trust it"
        )
    if shutil.disk_usage(folder).free < total:
        raise InputError(f"{label} would unpack to {total >> 20:,} MiB, and {folder} has no room for it; set TMPDIR to a larger disk")


def _tables_of_workbook(path: Path, label: str, folder: Path) -> Iterator[TableFile]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check_size(path, [(info.filename, info) for info in archive.infolist()], label, folder)
    try:
        with python_calamine.load_workbook(path) as workbook:
            shown = [
                sheet.name
                for sheet in workbook.sheets_metadata
                # Systems keep data of their own in hidden sheets.
                if sheet.visible == python_calamine.SheetVisibleEnum.Visible and sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
            ]
            tables = [table for name in shown if (table := _sheet_table(workbook.get_sheet_by_name(name), f"{label}#{name}", folder))]
    except python_calamine.PasswordError as error:
        raise InputError(f"{label} is protected by a password; save it without one") from error
    except (python_calamine.CalamineError, python_calamine.ZipError, python_calamine.XmlError, OSError) as error:
        raise InputError(f"{label} is no Excel workbook, or is damaged; open it in Excel and save it again as .xlsx") from error
    if not tables:
        raise InputError(f"{label} has no sheet with a table")
    yield from tables


def _sheet_table(sheet: python_calamine.CalamineSheet, label: str, folder: Path) -> TableFile | None:
    rows = ([cell_text(cell) for cell in row] for row in sheet.iter_rows())
    filled = (row for row in rows if any(row))
    head = list(islice(filled, TITLE_ROWS))
    if not head:
        return None
    place = _header_place(head)
    headers = tuple(cell or "" for cell in head[place])
    target = _free_name(folder, "sheet.parquet")
    schema = pa.schema([(f"c{position}", pa.string()) for position in range(len(headers))])
    with pq.ParquetWriter(target, schema) as writer:
        # A header without a row is a table too, and Parquet wants a batch.
        writer.write_table(schema.empty_table())
        following = chain(head[place + 1 :], filled)
        while batch := list(islice(following, BATCH_ROWS)):
            writer.write_table(pa.table([pa.array(column, pa.string()) for column in zip(*batch, strict=True)], schema=schema))
    return TableFile(label=label, path=target, headers=headers)


def _header_place(rows: Sequence[Sequence[str | None]]) -> int:
    """The first row with two known headers, else the first that is at least half as wide as the widest: titles are narrow."""
    for place, row in enumerate(rows):
        if sum(knows_header(cell) for cell in row if cell) >= min(2, len(row)):
            return place
    widths = [sum(cell is not None for cell in row) for row in rows]
    return next(place for place, width in enumerate(widths) if 2 * width >= max(widths))


def cell_text(cell: Any) -> str | None:
    """A typed cell as the text that the cleaning rules read: ISO dates, whole numbers without a fraction, ``true`` and ``false``."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time.min else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return None
        # Sixteen digits and more are not kept by Excel itself.
        return str(int(cell)) if cell.is_integer() else f"{cell:.15f}".rstrip("0") if abs(cell) < 1e-4 else repr(cell)
    text = str(cell) if cell is not None else ""
    return text if text.strip() else None


def _recoded(path: Path, folder: Path) -> Path:
    target = _free_name(folder, path.name)
    with path.open(encoding="utf-16", errors="replace", newline="") as source, target.open("w", encoding="utf-8", newline="") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
    return target


def _free_name(folder: Path, name: str) -> Path:
    """A path in the folder that nothing has yet, with the endings of ``name``, which tell its format."""
    suffixes = "".join(PurePosixPath(name).suffixes[-2:]).lower()
    return folder / f"{uuid.uuid4().hex}{suffixes if re.fullmatch(r'[.a-z0-9]*', suffixes) else PurePosixPath(name).suffix.lower()}"
