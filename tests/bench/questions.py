"""What agents type, drawn from the sample: names whole and misspelt, Chinese and in pinyin, ends of numbers, addresses, places."""

import csv
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from crmsearch.cleaning.chinese import pinyin_forms
from crmsearch.sample import AS_OF
from crmsearch.search.filters import Filter
from crmsearch.search.request import SearchRequest

__all__ = ["Question", "created_since", "make_questions"]

PER_KIND = 30
FACETS = ["city", "lifecycle", "gender"]
Row = dict[str, str]


class Question(msgspec.Struct, frozen=True):
    """One search and the kind it stands for."""

    kind: str
    request: SearchRequest


def created_since(rng: random.Random) -> Filter:
    """Nearly all customers of a sample, each time since another second, so that nobody has counted them before."""
    since = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) - timedelta(days=20_000, seconds=rng.randrange(10**8))
    return Filter(field="created_at", gte=since.isoformat(timespec="seconds").replace("+00:00", "Z"))


def make_questions(customers_csv: Path, seed: int) -> list[Question]:
    """The same file and seed give the same questions; every second one of a kind asks for three facets."""
    rng = random.Random(seed)
    with customers_csv.open(encoding="utf-8", newline="") as file:
        # Rows with a wrong number of cells are among the dirt.
        rows = [row for row in csv.DictReader(file) if None not in row and None not in row.values()]
    rng.shuffle(rows)
    questions = []
    for kind, draw in _KINDS.items():
        texts = dict.fromkeys(text for row in rows[:20_000] if (text := draw(row, rng)))
        for number, text in enumerate(list(texts)[:PER_KIND]):
            questions.append(Question(kind, SearchRequest(q=text, facets=FACETS if number % 2 else [])))
    rng.shuffle(questions)
    return questions


def _latin_name(row: Row, _: random.Random) -> str:
    return row["Full Name"] if re.fullmatch(r"[A-Z][a-z]{3,} [A-Z][a-z]{3,}", row["Full Name"]) else ""


def _misspelt_name(row: Row, rng: random.Random) -> str:
    name = _latin_name(row, rng)
    if not name:
        return ""
    # Within the family name, its first letter kept, as people do: two letters swapped or one left out.
    at = rng.randrange(name.index(" ") + 2, len(name) - 1)
    return name[:at] + (name[at + 1] + name[at] + name[at + 2 :] if rng.random() < 0.5 else name[at + 1 :])


def _chinese_name(row: Row, _: random.Random) -> str:
    return row["Full Name"] if re.fullmatch(r"[\u4e00-\u9fff]{2,4}", row["Full Name"]) else ""


def _pinyin(row: Row, rng: random.Random) -> str:
    name = _chinese_name(row, rng)
    return pinyin_forms(name)[0] if name else ""


def _phone_ending(row: Row, _: random.Random) -> str:
    digits = re.sub(r"\D", "", row["Mobile"])
    return digits[-6:] if len(digits) >= 9 else ""


def _email(row: Row, _: random.Random) -> str:
    return row["Email"] if re.fullmatch(r"[\w.]+@[\w.]+", row["Email"]) else ""


def _name_and_city(row: Row, rng: random.Random) -> str:
    name = _latin_name(row, rng) or _chinese_name(row, rng)
    return f"{name} {row['City']}" if name and row["City"] else ""


_KINDS: dict[str, Callable[[Row, random.Random], str]] = {
    "name": _latin_name,
    "misspelt name": _misspelt_name,
    "Chinese name": _chinese_name,
    "pinyin": _pinyin,
    "phone ending": _phone_ending,
    "e-mail": _email,
    "name and city": _name_and_city,
}
