"""Workbooks, archives and encodings as people really send them, and where their tables lie during a run."""

from __future__ import annotations

import datetime
import gzip
import io
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from pyspark.sql import SparkSession

from crmsearch.errors import InputError
from crmsearch.settings import Settings, SparkSettings
from spark.read import Source, inspect_sources, read_source
from spark.storage import list_files, send_file
from spark.unpack import MAX_RATIO, Workspace, cell_text, make_workspace, staging_place, tables_of

CSV = "姓名,城市\n王小明,北京\n李娜,上海\n"
ROWS = [["李娜", "上海"], ["王小明", "北京"]]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def _moment(*numbers: int) -> datetime.datetime:
    # Workbooks know no time zones.
    return datetime.datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001


class Raw(str):
    """The XML of a cell as it is."""


def _cell(place: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Raw):
        return value.replace("PLACE", place)
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, datetime.datetime):
        days = (value - _moment(1899, 12, 30)) / datetime.timedelta(days=1)
        return f'<c r="{place}" s="1"><v>{days!r}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def workbook(sheets: Mapping[str, Sequence[Sequence[Any]]], hidden: Sequence[str] = ()) -> bytes:
    """An .xlsx file as Excel would write it, in its smallest form; style 1 is a date with a time."""
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{REL}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>',
    }
    entries, relations = "", f'<Relationship Id="s" Type="{REL}/styles" Target="styles.xml"/>'
    for number, (name, rows) in enumerate(sheets.items(), start=1):
        state = ' state="hidden"' if name in hidden else ""
        entries += f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"{state}/>'
        relations += f'<Relationship Id="r{number}" Type="{REL}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        lines = "".join(
            f'<row r="{line}">{"".join(_cell(f"{chr(65 + column)}{line}", value) for column, value in enumerate(row))}</row>'
            for line, row in enumerate(rows, start=1)
        )
        parts[f"xl/worksheets/sheet{number}.xml"] = f'<worksheet xmlns="{MAIN}"><sheetData>{lines}</sheetData></worksheet>'
    parts["xl/workbook.xml"] = f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>{entries}</sheets></workbook>'
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{PACKAGE}/relationships">{relations}</Relationships>'
    return archive(parts)


def archive(members: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def workspace(spark: SparkSession) -> Iterator[Workspace]:
    with make_workspace(spark, Settings()) as workspace:
        yield workspace


def _sources(spark: SparkSession, workspace: Workspace, path: Path, content: bytes, encoding: str = "UTF-8") -> list[Source]:
    path.write_bytes(content)
    return inspect_sources(spark, str(path), encoding, workspace)


def _cells(spark: SparkSession, source: Source) -> list[list[str | None]]:
    rows = read_source(spark, source).collect()
    assert all(row["damaged"] is None for row in rows)
    return [list(row["cells"]) for row in rows]


def test_a_workbook_is_one_table_a_sheet(spark: SparkSession, workspace: Workspace, tmp_path: Path) -> None:
    sheets: dict[str, Any] = {
        "客户": [
            ["Contacts of all regions"],
            [],
            ["Name", "Age", "Since", "VIP", "Phone", "Notes"],
            ["Ada", 36, _moment(2024, 5, 2), True, 13800138000, Raw('<c r="PLACE" t="e"><v>#N/A</v></c>')],
            [None, None, None, None, None, None],
            ["李娜", 41.5, _moment(2024, 5, 2, 13, 45), False, "+86 138 0013 8000", "two\nlines"],
        ],
        "Empty": [],
        "Secret": [["Name"], ["hidden"]],
        "Leads": [[None, "Name", "City"], [None, "Bob", "Rome"]],
    }
    first, second = _sources(spark, workspace, tmp_path / "book.xlsx", workbook(sheets, hidden=["Secret"]))
    assert (first.path, first.format, first.headers) == (
        f"{tmp_path}/book.xlsx#客户",
        "xlsx",
        ("Name", "Age", "Since", "VIP", "Phone", "Notes"),
    )
    assert _cells(spark, first) == [
        ["Ada", "36", "2024-05-02", "true", "13800138000", None],
        ["李娜", "41.5", "2024-05-02 13:45:00", "false", "+86 138 0013 8000", "two\nlines"],
    ]
    assert second.path.endswith("book.xlsx#Leads")
    assert _cells(spark, second) == [["Bob", "Rome"]]


def test_one_sheet_or_member_alone(spark: SparkSession, workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a#b.xlsx"
    path.write_bytes(workbook({"One": [["Name"], ["Ada"]], "Two": [["Name"], ["Bob"]]}))
    (source,) = inspect_sources(spark, f"{path}#Two", "UTF-8", workspace)
    assert _cells(spark, source) == [["Bob"]]
    with pytest.raises(InputError, match="there are One, Two, and no Three"):
        inspect_sources(spark, f"{path}#Three", "UTF-8", workspace)


def test_many_rows_of_a_workbook_come_whole_and_in_batches(
    spark: SparkSession, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spark.unpack.BATCH_ROWS", 7)
    rows: list[list[Any]] = [["Key", "Name"], *([number, f"Name {number}"] for number in range(50))]
    (source,) = _sources(spark, workspace, tmp_path / "b.xlsx", workbook({"Sheet1": rows}))
    assert sorted(_cells(spark, source), key=lambda cells: int(cells[0] or "")) == [[str(n), f"Name {n}"] for n in range(50)]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (True, "true"),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (1e21, "1000000000000000000000"),
        (0.00001, "0.00001"),
        (float("nan"), None),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (_moment(2024, 2, 29, 1, 2, 3, 4), "2024-02-29 01:02:03"),
        (datetime.time(9, 30), "09:30:00"),
        ("  ", None),
        ("007", "007"),
        (None, None),
    ],
)
def test_typed_cells_become_the_texts_that_rules_read(cell: Any, text: str | None) -> None:
    assert cell_text(cell) == text


def _gbk_archive(names: dict[str, bytes]) -> bytes:
    """As a Chinese Windows packs: names in GBK and no flag that says so."""
    # A name of the same length stands in for it, since zipfile itself would write UTF-8.
    stand_in = {name: "N" * len(name.encode("gbk")) for name in names}
    content = archive({stand_in[name]: data for name, data in names.items()})
    for name, stand in stand_in.items():
        content = content.replace(stand.encode(), name.encode("gbk"))
    return content


def test_an_archive_is_one_table_a_member(spark: SparkSession, workspace: Workspace, tmp_path: Path) -> None:
    content = archive(
        {
            "export/客户.csv": CSV,
            "export/empty.csv": "",
            "export/": "",
            "export/README.txt": "Exported by somebody",
            "export/deep/book.xlsx": workbook({"Leads": [["Name", "City"], ["Bob", "Rome"]]}),
            "export/small.csv.gz": gzip.compress(CSV.encode()),
            "export/unicode.csv": CSV.replace(",", "\t").encode("utf-16"),
            "__MACOSX/export/._客户.csv": b"\x00\x05\x16\x07",
            "export/.DS_Store": b"\x00\x01",
            "../../evil.csv": CSV,
        }
    )
    sources = {each.path.rpartition(".zip#")[2]: each for each in _sources(spark, workspace, tmp_path / "e.zip", content)}
    assert set(sources) == {"export/客户.csv", "export/deep/book.xlsx#Leads", "export/small.csv.gz", "export/unicode.csv", "../../evil.csv"}
    assert sorted(_cells(spark, sources["export/客户.csv"]), key=str) == ROWS
    assert sorted(_cells(spark, sources["export/small.csv.gz"]), key=str) == ROWS
    assert sorted(_cells(spark, sources["export/unicode.csv"]), key=str) == ROWS
    assert sources["export/unicode.csv"].encoding == "UTF-16"
    assert _cells(spark, sources["export/deep/book.xlsx#Leads"]) == [["Bob", "Rome"]]
    assert all(str(workspace.folder) in each.location for each in sources.values())
    assert not (workspace.folder.parent.parent / "evil.csv").exists()


def test_an_archive_packed_in_china(spark: SparkSession, workspace: Workspace, tmp_path: Path) -> None:
    content = _gbk_archive({"客户导出.csv": CSV.encode("gb18030")})
    (source,) = _sources(spark, workspace, tmp_path / "客户.zip", content, "GB18030")
    assert source.path.endswith("客户.zip#客户导出.csv")
    assert source.headers == ("姓名", "城市")
    assert sorted(_cells(spark, source), key=str) == ROWS


def test_a_text_file_alone_in_an_archive_is_a_table(spark: SparkSession, workspace: Workspace, tmp_path: Path) -> None:
    (source,) = _sources(spark, workspace, tmp_path / "t.zip", archive({"客户.txt": CSV.replace(",", "|")}))
    assert sorted(_cells(spark, source), key=str) == ROWS


@pytest.mark.parametrize(("name", "mark"), [("u.txt", "utf-16"), ("u.tsv", "utf-16-be")])
def test_the_unicode_text_of_excel(spark: SparkSession, workspace: Workspace, tmp_path: Path, name: str, mark: str) -> None:
    content = ("" if mark == "utf-16" else "\ufeff") + CSV.replace(",", "\t").replace("\n", "\r\n")
    (source,) = _sources(spark, workspace, tmp_path / name, content.encode(mark))
    assert (source.path, source.encoding) == (str(tmp_path / name), "UTF-16")
    assert sorted(_cells(spark, source), key=str) == ROWS


def test_a_folder_of_workbooks_and_tables(spark: SparkSession, workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "b.xlsx").write_bytes(workbook({"Sheet1": [["姓名", "城市"], ["李娜", "上海"]]}))
    sources = inspect_sources(spark, str(tmp_path), "UTF-8", workspace)
    assert [each.path.rpartition("/")[2] for each in sources] == ["a.csv", "b.xlsx#Sheet1"]
    assert sources[0].location == f"file:{tmp_path}/a.csv"
    assert [sorted(_cells(spark, each), key=str) for each in sources] == [ROWS, [["李娜", "上海"]]]


def test_damaged_rows_of_a_member_are_kept(spark: SparkSession, workspace: Workspace, tmp_path: Path) -> None:
    (source,) = _sources(spark, workspace, tmp_path / "d.zip", archive({"d.csv": 'name,city\nshort\n"two\nlines",Rome\n'}))
    assert {row["damaged"] is None for row in read_source(spark, source).collect()} == {True, False}


def _encrypted() -> bytes:
    content = bytearray(archive({"a.csv": CSV}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    return bytes(content)


def _bomb() -> bytes:
    return archive({"bomb.csv": b"a" * ((64 << 20) + MAX_RATIO)})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("locked.zip", _encrypted, "password"),
        ("bomb.zip", _bomb, "as no export does"),
        ("bomb.xlsx", _bomb, "as no export does"),
        ("cut.zip", lambda: archive({"a.csv": CSV})[:-30], "damaged"),
        ("no.zip", lambda: b"name,city\nAda,Rome\n", "no zip archive"),
        ("pictures.zip", lambda: archive({"a.png": b"\x89PNG"}), "holds no table"),
        ("inner.zip", lambda: archive({"a.csv": CSV, "b.zip": archive({"c.csv": CSV})}), "another archive, b.zip"),
        ("book.xlsx", lambda: b"PK\x03\x04", "no Excel workbook"),
        ("html.xlsx", lambda: b"<html><table></table></html>", "no Excel workbook"),
        ("empty.xlsx", lambda: workbook({"Sheet1": []}), "no sheet with a table"),
        ("old.xls", lambda: b"\xd0\xcf\x11\xe0", "save it as .xlsx"),
        ("a.csv.gz", lambda: b"name,city\n", "named as gzip"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_with_a_remedy(
    spark: SparkSession, workspace: Workspace, tmp_path: Path, name: str, content: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        _sources(spark, workspace, tmp_path / name, content())
    assert name in caught.value.detail


def test_a_workbook_with_a_password_says_so(tmp_path: Path) -> None:
    path = tmp_path / "locked.xlsx"
    path.write_bytes(_compound_file())
    with pytest.raises(InputError, match="password"):
        tables_of(path, "locked.xlsx", tmp_path)


def _compound_file() -> bytes:
    """What Excel writes around a workbook with a password: a compound file with the streams EncryptionInfo and EncryptedPackage."""

    def entry(name: str, kind: int, child: int, right: int, start: int, size: int) -> bytes:
        text = name.encode("utf-16-le") + b"\0\0"
        links = b"".join(number.to_bytes(4, "little", signed=True) for number in (-1, right, child))
        place = start.to_bytes(4, "little", signed=True) + size.to_bytes(8, "little")
        return text.ljust(64, b"\0") + len(text).to_bytes(2, "little") + bytes([kind, 1]) + links + bytes(36) + place

    def sector(*numbers: int, fill: int = -1) -> bytes:
        return b"".join(number.to_bytes(4, "little", signed=True) for number in numbers).ljust(
            512, fill.to_bytes(4, "little", signed=True)[:1]
        )

    size = 4096
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + bytes.fromhex("3e000300feff09000600") + bytes(6)
    numbers = (0, 1, 1, 0, 4096, -2, 0, -2, 0, 0)
    header += b"".join(number.to_bytes(4, "little", signed=True) for number in numbers)
    header = header.ljust(512, b"\xff")
    first, second = list(range(3, 10)), list(range(11, 18))
    table = sector(-3, -2, *first, -2, *second, -2)
    folder = entry("Root Entry", 5, 1, -1, -2, 0) + entry("EncryptionInfo", 2, -1, 2, 2, size)
    folder += entry("EncryptedPackage", 2, -1, -1, 10, size) + bytes(128)
    return header + table + folder + bytes(2 * size)


def test_the_folder_is_private_and_gone_in_the_end(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(archive({"a.csv": CSV}))

    def fail() -> None:
        with make_workspace(spark, Settings()) as workspace:
            folders.append(workspace.folder)
            assert stat.S_IMODE(workspace.folder.stat().st_mode) == 0o700
            (source,) = inspect_sources(spark, str(path), "UTF-8", workspace)
            assert source.location.startswith(workspace.folder.as_uri())
            raise KeyboardInterrupt

    folders: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not folders[0].exists()


def test_the_temporary_folder_may_have_any_name(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary 临时 %20"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    path = tmp_path / "客户 #1.zip"
    path.write_bytes(archive({"a.csv": CSV}))
    with make_workspace(spark, Settings()) as workspace:
        (source,) = inspect_sources(spark, str(path), "UTF-8", workspace)
        assert sorted(_cells(spark, source), key=str) == ROWS
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("master", "setting", "default", "place"),
    [
        ("local[*]", "", "hdfs://name:9000", None),
        ("spark://localhost:7077", "", "file:///", None),
        ("spark://host:7077", "", "file:///", ""),
        ("yarn", "", "hdfs://name:9000/", "hdfs://name:9000/tmp"),
        ("k8s://https://host:6443", "s3a://bucket/tmp", "file:///", "s3a://bucket/tmp"),
        ("local[*]", "/mnt/shared", "file:///", "/mnt/shared"),
    ],
)
def test_tables_are_staged_where_executors_see_them(master: str, setting: str, default: str, place: str | None) -> None:
    assert staging_place(master, setting, default) == place


def test_a_cluster_without_a_shared_folder_says_what_to_set(spark: SparkSession, tmp_path: Path) -> None:
    workspace = Workspace(spark, Settings().storage, tmp_path, "")
    inside = tmp_path / "table.csv"
    with pytest.raises(InputError, match="CRMSEARCH_SPARK_STAGING_DIR"):
        workspace.publish(inside)


def test_fetched_from_hdfs_and_staged_there(spark: SparkSession, hdfs: str, tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(archive({"客户.csv": CSV, "book.xlsx": workbook({"Leads": [["Name", "City"], ["Bob", "Rome"]]})}))
    remote = send_file(spark, path, f"{hdfs}/exports")
    settings = Settings(spark=SparkSettings(staging_dir=f"{hdfs}/staging"))
    with make_workspace(spark, settings) as workspace:
        book, table = inspect_sources(spark, remote, "UTF-8", workspace)
        assert (book.path, table.path) == (f"{remote}#book.xlsx#Leads", f"{remote}#客户.csv")
        assert book.location.startswith(f"{hdfs}/staging/crmsearch-")
        assert _cells(spark, book) == [["Bob", "Rome"]]
        assert sorted(_cells(spark, table), key=str) == ROWS
    with pytest.raises(InputError, match="holds no files"):
        list_files(spark, f"{hdfs}/staging")
