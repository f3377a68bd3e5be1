"""Reading real files: formats, encodings, delimiters, damaged rows, and what is refused with which words."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from crmsearch.errors import InputError
from spark.read import Source, inspect_source, read_source

CHINESE = "姓名,城市\n王小明,北京\n李娜,上海\n"


def _write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def _rows(spark: SparkSession, source: Source) -> list[tuple[list[str | None], str | None]]:
    return [(list(row["cells"]), row["damaged"]) for row in read_source(spark, source).collect()]


def _good(*rows: list[str | None]) -> list[tuple[list[str | None], str | None]]:
    return [(row, None) for row in rows]


@pytest.mark.parametrize(
    ("name", "content", "encoding"),
    [
        ("plain.csv", CHINESE, "UTF-8"),
        ("bom.csv", "\ufeff" + CHINESE, "UTF-8"),
        ("windows.csv", CHINESE.replace("\n", "\r\n"), "UTF-8"),
        ("no-final-newline.csv", CHINESE.rstrip("\n"), "UTF-8"),
        ("blank-lines.csv", "\n" + CHINESE.replace("\n", "\n\n"), "UTF-8"),
        ("semicolon.csv", CHINESE.replace(",", ";"), "UTF-8"),
        ("tab.tsv", CHINESE.replace(",", "\t"), "UTF-8"),
        ("pipe.txt", CHINESE.replace(",", "|"), "UTF-8"),
        ("gb.csv", CHINESE.encode("gb18030"), "GB18030"),
        ("small.csv.gz", gzip.compress(CHINESE.encode()), "UTF-8"),
        ("lines.jsonl", '{"姓名":"王小明","城市":"北京"}\n{"城市":"上海","姓名":"李娜"}\n', "UTF-8"),
        ("array.json", '[{"姓名":"王小明","城市":"北京"},\n {"城市":"上海","姓名":"李娜"}]', "UTF-8"),
    ],
)
def test_the_same_table_in_every_form(spark: SparkSession, tmp_path: Path, name: str, content: str | bytes, encoding: str) -> None:
    source = inspect_source(spark, _write(tmp_path, name, content), encoding)
    order = [source.headers.index("姓名"), source.headers.index("城市")]
    rows = [[cells[place] for place in order] for cells, damaged in _rows(spark, source) if damaged is None]
    assert sorted(rows, key=str) == [["李娜", "上海"], ["王小明", "北京"]]


def test_parquet_with_types_and_lists(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "customers.parquet")
    spark.sql("select 'Ada' name, 36 age, array('a@x.org', 'b@x.org') emails, date'1990-03-05' birthday").write.parquet(path)
    source = inspect_source(spark, path)
    assert source.headers == ("name", "age", "emails", "birthday")
    assert _rows(spark, source) == _good(["Ada", "36", "a@x.org;b@x.org", "1990-03-05"])


def test_quoted_cells_keep_commas_quotes_and_line_ends(spark: SparkSession, tmp_path: Path) -> None:
    path = _write(tmp_path, "q.csv", 'name,notes\n"Smith, John","said ""hi"""\n"Lee","two\nlines, and ""more"""\nPoe,5" pipe\n')
    source = inspect_source(spark, path)
    assert source.multiline
    assert sorted(_rows(spark, source), key=str) == _good(
        ["Lee", 'two\nlines, and "more"'], ["Poe", '5" pipe'], ["Smith, John", 'said "hi"']
    )


def test_a_file_without_quoted_line_ends_can_be_split(spark: SparkSession, tmp_path: Path) -> None:
    assert not inspect_source(spark, _write(tmp_path, "q.csv", 'name,notes\n"Smith, John","said ""hi"""\n')).multiline


@pytest.mark.parametrize("multiline", ["", '"a\nb",x\n'])
def test_rows_with_a_wrong_number_of_cells_are_kept_whole(spark: SparkSession, tmp_path: Path, multiline: str) -> None:
    source = inspect_source(spark, _write(tmp_path, "w.csv", f"name,city\nAda,Paris\nshort\ntoo,many,cells\n{multiline}"))
    damaged = sorted(whole for _, whole in _rows(spark, source) if whole is not None)
    assert [each.strip() for each in damaged] == ["short", "too,many,cells"]


def test_repeated_empty_and_dotted_headers_do_no_harm(spark: SparkSession, tmp_path: Path) -> None:
    source = inspect_source(spark, _write(tmp_path, "h.csv", "name,,name,a.b,`x`\n1,2,3,4,5\n"))
    assert source.headers == ("name", "", "name", "a.b", "`x`")
    assert _rows(spark, source) == _good(["1", "2", "3", "4", "5"])


def test_damaged_json_lines_are_kept_whole(spark: SparkSession, tmp_path: Path) -> None:
    source = inspect_source(spark, _write(tmp_path, "j.jsonl", '{"name":"Ada"}\n{"name": broken\n'))
    assert sorted(_rows(spark, source), key=str) == [(["Ada"], None), ([None], '{"name": broken')]


def test_a_folder_of_parts_is_one_source(spark: SparkSession, tmp_path: Path) -> None:
    for number in (1, 2):
        _write(tmp_path, f"part-{number}.csv", f"name,city\nName {number},Paris\n")
    _write(tmp_path, "_SUCCESS", "")
    source = inspect_source(spark, str(tmp_path))
    assert sorted(_rows(spark, source)) == _good(["Name 1", "Paris"], ["Name 2", "Paris"])


def test_a_few_undecodable_lines_are_left_to_the_rows(spark: SparkSession, tmp_path: Path) -> None:
    lines = [b"name,city"] + [b"Ada,Paris"] * 300 + [b"\xff\xfeda,Paris"]
    rows = _rows(spark, inspect_source(spark, _write(tmp_path, "d.csv", b"\n".join(lines))))
    assert sum("\ufffd" in str(cells[0]) for cells, _ in rows) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\xef\xbb\xbf\n \n", "is empty"),
        ("zip.csv", b"PK\x03\x04rest", "binary"),
        ("nul.csv", b"name,city\nA\x00da,Paris\n", "binary"),
        ("late-nul.csv", b"name,city\n" + b"Ada,Paris\n" * 8000 + b"\x00\x01\x02\n", "binary"),
        ("utf16.csv", "name,city\nAda,Paris\n".encode("utf-16"), "UTF-16"),
        ("gb.csv", CHINESE.encode("gb18030"), "--encoding gb18030"),
        ("cut.csv", b'name,notes\nAda,"fine"\nBob,"cut off here', "never closed"),
        ("cut-header.csv", b'name,"notes\n', "never closed"),
        ("book.csv", b"PK\x03\x04", "binary"),
        ("not.parquet", b"name,city\n", "not"),
        ("scalar.jsonl", b"1\n2\n", "no JSON objects"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_remedy(spark: SparkSession, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        inspect_source(spark, _write(tmp_path, name, content))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/no/such/file.csv", "does not exist"),
        ("hdfs://localhost:1/file.csv", "cannot be reached"),
        ("gopher://host/file.csv", "no file system"),
    ],
)
def test_places_that_cannot_be_reached(spark: SparkSession, path: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        inspect_source(spark, path)


def test_an_unknown_encoding_is_named(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="GB18030"):
        inspect_source(spark, _write(tmp_path, "a.csv", CHINESE), "klingon")
