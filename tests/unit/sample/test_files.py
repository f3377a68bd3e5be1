"""A whole sample of 20,000 rows, read back as any other program would read it, and held against its report."""

import csv
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean, median, variance

import pytest

from crmsearch.errors import InvalidRequestError
from crmsearch.sample import AS_OF, SampleReport, make_sample
from crmsearch.sample.copies import CHANGES
from crmsearch.sample.dirt import (
    DOMAIN_TYPOS,
    DUMMIES,
    FORMULAS,
    IDENTITY,
    IMPOSSIBLE_AGES,
    IMPOSSIBLE_DATES,
    INVISIBLE,
    PLACEHOLDERS,
    RULES,
    SHAPES,
)
from crmsearch.sample.files import FILES
from crmsearch.sample.people import chinese_check_digit
from crmsearch.sample.places import CITIES
from crmsearch.sample.records import (
    AGE,
    BIRTH,
    CITY,
    COMPANY,
    COUNTRY,
    CREATED,
    EMAIL,
    GENDER,
    HEADER,
    ID,
    MOBILE,
    NAME,
    NATIONAL_ID,
    NOTE,
    PHONE,
)
from crmsearch.sample.wording import MESSY_NOTES

ROWS = 20_000
Rows = list[list[str]]


def read(folder: Path, name: str) -> Rows:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert tuple(header) == FILES[name]
    return rows


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / f"{name}.csv").read_bytes()).hexdigest() for name in FILES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sample")


@pytest.fixture(scope="module")
def report(folder: Path) -> SampleReport:
    return make_sample(folder, ROWS, seed=7)


@pytest.fixture(scope="module")
def customers(folder: Path, report: SampleReport) -> Rows:
    return read(folder, "customers")


@pytest.fixture(scope="module")
def whole(customers: Rows) -> Rows:
    """The rows that have as many cells as the header."""
    return [row for row in customers if len(row) == len(HEADER)]


def test_as_many_rows_as_asked_for(folder: Path, report: SampleReport, customers: Rows) -> None:
    assert len(customers) == ROWS
    assert report.rows == {name: len(read(folder, name)) for name in FILES}


@pytest.mark.parametrize("rows", [1, 2, 17])
def test_small_samples_have_exactly_their_rows(tmp_path: Path, rows: int) -> None:
    for seed in range(8):
        report = make_sample(tmp_path, rows, seed)
        assert report.rows["customers"] == len(read(tmp_path, "customers")) == rows
        assert report.persons + report.duplicates == len(read(tmp_path, "truth"))


@pytest.mark.parametrize("rows", [0, -1, 10**12])
def test_impossible_numbers_of_rows_are_refused(tmp_path: Path, rows: int) -> None:
    with pytest.raises(InvalidRequestError, match="between 1 and"):
        make_sample(tmp_path, rows, seed=1)


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    first, again = (make_sample(tmp_path / name, 2000, seed=7) for name in ("first", "again"))
    assert digests(tmp_path / "first") == digests(tmp_path / "again")
    assert (first.dirt, first.rows, first.orphans) == (again.dirt, again.rows, again.orphans)


def test_another_seed_is_another_sample(tmp_path: Path) -> None:
    for seed in (7, 8):
        make_sample(tmp_path / str(seed), 100, seed)
    other = digests(tmp_path / "8")
    assert all(other[name] != digest for name, digest in digests(tmp_path / "7").items())


def test_bytes_do_not_depend_on_hash_seed(tmp_path: Path) -> None:
    make_sample(tmp_path / "here", 2000, seed=3)
    script = "import sys; from pathlib import Path; from crmsearch.sample import make_sample; make_sample(Path(sys.argv[1]), 2000, 3)"
    for hash_seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", script, str(tmp_path / hash_seed)], env=environment, check=True, timeout=60)
        assert digests(tmp_path / hash_seed) == digests(tmp_path / "here")


def test_bytes_of_a_known_sample(tmp_path: Path) -> None:
    """Fails whenever the generator is changed: samples and measurements made before cannot be compared with later ones."""
    make_sample(tmp_path, 1000, seed=1)
    total = hashlib.sha256("".join(digests(tmp_path).values()).encode()).hexdigest()
    assert total[:16] == "c9242acf3037ab9f"


def test_progress_only_grows_and_ends_at_the_last_row(tmp_path: Path) -> None:
    seen: list[int] = []
    make_sample(tmp_path, 2500, 1, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 2500


def test_truth_covers_every_id_once(folder: Path, report: SampleReport, customers: Rows) -> None:
    truth = read(folder, "truth")
    ids = [record for record, _ in truth]
    assert len(set(ids)) == len(ids) == report.persons + report.duplicates
    assert set(ids) == {row[ID] for row in customers}
    assert all(re.fullmatch(r"C\d{7}", identifier) for identifier in ids)
    sizes = Counter(Counter(person for _, person in truth).values())
    assert sum(sizes.values()) == report.persons
    assert set(sizes) == {1, 2, 3, 4}
    assert 0.08 < report.duplicates / ROWS < 0.12


def test_copies_do_not_stand_beside_their_originals(folder: Path, customers: Rows) -> None:
    person = dict(read(folder, "truth"))
    persons = [person[row[ID]] for row in customers]
    neighbours = sum(a == b for a, b in pairwise(persons))
    assert neighbours < 20


def test_every_kind_of_dirt_is_there(report: SampleReport) -> None:
    kinds = {dirt.kind for dirt in RULES} | {change.kind for change in CHANGES} | {kind for kind, *_ in SHAPES} | {"repeated_row"}
    assert set(report.dirt) == kinds
    assert min(report.dirt.values()) >= 10


CITY_NAMES = {city.name for city in CITIES}
COUNTRY_NAMES = {city.country.name for city in CITIES}
DOMAINS_MISTYPED = {typo for typos in DOMAIN_TYPOS.values() for typo in typos}
SPACES = re.compile("^\\s|\\s$|\\s{3}|\u3000|[\u4e00-\u9fff] [\u4e00-\u9fff]")
FULL_WIDTH = re.compile("[\uff01-\uff5e]")
MISTYPED = re.compile(r"^[^@]*$|@@|@$| @|@[^@]*,")
DIRTY_TEXT = {*PLACEHOLDERS, *DUMMIES, *FORMULAS}


def no_identity(row: list[str]) -> bool:
    return not any(row[column] for column in IDENTITY)


def invisible(cell: str) -> bool:
    return any(character in INVISIBLE for character in cell)


def email_typo(cell: str) -> bool:
    if not cell or cell in DIRTY_TEXT or invisible(cell) or FULL_WIDTH.search(cell):
        return False
    return bool(MISTYPED.search(cell)) or cell.partition("@")[2] in DOMAINS_MISTYPED


def phone_notation(cell: str) -> bool:
    return bool(cell) and cell not in DIRTY_TEXT and not re.fullmatch(r"\+\d+", cell)


# How each kind is recognised in the finished file, without knowing how it was made: cells of these columns, this test.
RECOGNISED: dict[str, Callable[[list[str]], int]] = {
    "missing_name": lambda row: not row[NAME] and not no_identity(row),
    "missing_city": lambda row: not row[CITY],
    "placeholder": lambda row: sum(row[column] in PLACEHOLDERS for column in range(len(HEADER))),
    "dummy_contact": lambda row: sum(row[column] in DUMMIES for column in (EMAIL, MOBILE)),
    "formula": lambda row: sum(cell in FORMULAS for cell in row),
    "impossible_age": lambda row: row[AGE] in IMPOSSIBLE_AGES,
    "age_in_words": lambda row: (bool(row[AGE]) and not row[AGE].lstrip("-").isascii()) or bool(re.search("[a-z]", row[AGE])),
    "impossible_date": lambda row: row[BIRTH] in IMPOSSIBLE_DATES,
    "date_format": lambda row: bool(row[BIRTH]) and row[BIRTH] not in IMPOSSIBLE_DATES and not re.fullmatch(r"\d{4}-\d\d-\d\d", row[BIRTH]),
    "time_format": lambda row: not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row[CREATED]),
    "invisible": lambda row: sum(map(invisible, row)),
    "full_width": lambda row: sum(bool(FULL_WIDTH.search(cell)) for column, cell in enumerate(row) if column not in {PHONE, MOBILE}),
    "spaces": lambda row: sum(bool(SPACES.search(cell)) for column, cell in enumerate(row) if column not in {GENDER, NOTE}),
    "all_caps": lambda row: row[NAME].isupper() and row[NAME] not in DIRTY_TEXT and not invisible(row[NAME]) and row[NAME] != row[COMPANY],
    "family_first": lambda row: bool(re.fullmatch(r"[^,=@]+, [^,]+", row[NAME])),
    "gender_variant": lambda row: row[GENDER] not in {"", "Female", "Male"},
    "country_variant": lambda row: row[COUNTRY] not in COUNTRY_NAMES,
    "phone_notation": lambda row: phone_notation(row[PHONE]) + phone_notation(row[MOBILE]),
    "email_typo": lambda row: email_typo(row[EMAIL]),
    "messy_note": lambda row: row[NOTE] in MESSY_NOTES,
    "newline": lambda row: "\n" in row[NOTE],
    "no_identity": no_identity,
}


@pytest.mark.parametrize("kind", RECOGNISED)
def test_dirt_is_counted_as_it_is_found(kind: str, report: SampleReport, whole: Rows) -> None:
    assert sum(int(RECOGNISED[kind](row)) for row in whole) == report.dirt[kind]


def test_city_variants_are_counted(report: SampleReport, whole: Rows) -> None:
    variants = {variant for city in CITIES for variant in city.variants}
    assert sum(row[CITY] in variants for row in whole) == report.dirt["city_variant"]
    known = CITY_NAMES | variants | set(PLACEHOLDERS) | {""}
    assert all(row[CITY] in known or SPACES.search(row[CITY]) for row in whole)


def test_rows_with_too_few_or_too_many_cells_are_counted(report: SampleReport, customers: Rows) -> None:
    assert sum(len(row) < len(HEADER) for row in customers) == report.dirt["too_few_cells"]
    assert sum(len(row) > len(HEADER) for row in customers) == report.dirt["too_many_cells"]
    assert 0.001 < sum(len(row) != len(HEADER) for row in customers) / ROWS < 0.006


def test_repeated_rows_are_counted(report: SampleReport, customers: Rows) -> None:
    rows_by_id = defaultdict(list)
    for row in customers:
        rows_by_id[row[ID]].append(row)
    again = [rows for rows in rows_by_id.values() if len(rows) > 1]
    assert all(rows == [rows[0]] * 2 for rows in again)
    assert len(again) == report.dirt["repeated_row"]
    assert 0.007 < len(again) / ROWS < 0.013


def test_missing_values_are_at_least_those_counted(report: SampleReport, whole: Rows) -> None:
    for kind, column in (("age", AGE), ("gender", GENDER), ("birth_date", BIRTH), ("email", EMAIL), ("mobile", MOBILE)):
        assert sum(not row[column] for row in whole) >= report.dirt[f"missing_{kind}"] > 0


def test_related_files_refer_to_customers_with_few_orphans(folder: Path, report: SampleReport, customers: Rows) -> None:
    ids = {row[ID] for row in customers}
    for name, per_person in (("orders", 2.0), ("tickets", 0.5), ("campaigns", 3.0)):
        rows = read(folder, name)
        assert len({row[0] for row in rows}) == len(rows)
        assert sum(row[1] not in ids for row in rows) == report.orphans[name] > 0
        assert report.orphans[name] / len(rows) < 0.02
        assert len(rows) / report.persons == pytest.approx(per_person, rel=0.1)
        assert max(Counter(row[1] for row in rows).values()) >= 15


def test_orders_are_log_normal(folder: Path, report: SampleReport) -> None:
    orders = read(folder, "orders")
    amounts = [float(row[3]) for row in orders]
    assert all(re.fullmatch(r"\d+\.\d\d", row[3]) for row in orders)
    assert mean(amounts) > 1.5 * median(amounts)
    assert all("2018" < row[2] < AS_OF.replace(day=2).isoformat() for row in orders)


def test_tickets_close_after_they_open(folder: Path, report: SampleReport) -> None:
    tickets = read(folder, "tickets")
    closed = [row for row in tickets if row[4] == "closed"]
    assert 0.9 < len(closed) / len(tickets) < 0.99
    assert all(row[5] < row[6] for row in closed)
    assert all(row[4] == "open" and not row[7] for row in tickets if not row[6])
    assert {row[7] for row in tickets} == {"", "1", "2", "3", "4", "5"}
    assert any(row[2].isascii() for row in tickets)
    assert any(not row[2].isascii() for row in tickets)


def test_campaign_steps_follow_one_another(folder: Path, report: SampleReport) -> None:
    answers = Counter(tuple(row[5:]) for row in read(folder, "campaigns"))
    steps = [("false",) * 3, ("true", "false", "false"), ("true", "true", "false"), ("true",) * 3]
    assert set(answers) == set(steps)
    assert [answers[step] for step in steps] == sorted(answers.values(), reverse=True)


def test_clean_chinese_ids_are_right(whole: Rows) -> None:
    ids = [row[NATIONAL_ID] for row in whole if re.fullmatch(r"\d{17}[\dX]", row[NATIONAL_ID])]
    right = [number for number in ids if chinese_check_digit(number[:17]) == number[17]]
    assert len(right) > 3000
    assert len(right) / len(ids) > 0.99  # the others are copies with a typing error
    assert chinese_check_digit("11010519491231002") == "X"


def test_ages_differ_by_city(whole: Rows) -> None:
    ages = defaultdict(list)
    for row in whole:
        if row[AGE].isdecimal() and row[AGE].isascii() and row[AGE] not in IMPOSSIBLE_AGES:
            ages[row[CITY]].append(int(row[AGE]))
    assert all(18 <= age <= 97 for values in ages.values() for age in values)
    assert median(ages["深圳"]) + 4 < median(ages["北京"])
    assert median(ages["Bengaluru"]) < median(ages["London"]) < median(ages["Phoenix"])
    assert mean(ages["北京"]) > median(ages["北京"])
    assert variance(ages["北京"]) > 100


def test_two_in_five_are_chinese_and_namesakes_exist(whole: Rows) -> None:
    han = [row[NAME] for row in whole if re.search("[\u4e00-\u9fff]", row[NAME])]
    assert 0.36 < len(han) / len(whole) < 0.5
    names = Counter(row[NAME] for row in whole)
    assert len(names) > 0.6 * len(whole)
    assert any(name.startswith(clan) for name in han for clan in ("欧阳", "尉迟"))
    assert any(name.startswith("陳") for name in han)
    assert any("O'Brien" in name for name in names)
    assert any("van der Berg" in name for name in names)
    assert any("de la" in name for name in names)
