"""Documents for tests: a person with everything on file, and variants."""

from __future__ import annotations

from typing import Any

from crmsearch.resolution.features import Features, build_features
from crmsearch.resolution.weights import Model

MODEL = Model(10_000, {"gjohn": 200, "fsmith": 300, "gwei": 150, "fwang": 700, "clondon": 900, "c北京": 1500})

JOHN: dict[str, Any] = {
    "name": "John Smith", "given_name": "John", "family_name": "Smith", "kind": "person", "gender": "male", "birth_date": "1980-04-03",
    "age": 46, "emails": ["john.smith80@example.org"], "phones": ["+447911123456"], "address": "12 High Street", "city": "London",
    "province": "England", "country": "GB", "postcode": "SW1A1AA",
}  # fmt: skip
WEI: dict[str, Any] = {
    "name": "王小明", "given_name": "小明", "family_name": "王", "kind": "person", "gender": "male", "birth_date": "1990-05-06", "age": 36,
    "emails": ["wangxm1990@example.cn"], "phones": ["+8613812345678"], "address": "中山路12号", "city": "北京", "province": "北京",
    "country": "CN", "postcode": "100000",
}  # fmt: skip
ACME: dict[str, Any] = {
    "name": "Acme Tools Ltd", "company": "Acme Tools Ltd", "kind": "company", "emails": ["info@acmetools.example"],
    "phones": ["+442079460000"], "address": "1 Mill Lane", "city": "London", "postcode": "E11AA",
}  # fmt: skip
BARE: dict[str, Any] = ACME | {"address": None, "city": None, "postcode": None}

# Numbers that pass their check, of people born on the same day.
PROVEN = ("110105199005064016", "110105199005066011")


def person(base: dict[str, Any] = JOHN, record_id: str = "a", **changes: Any) -> Features:
    return build_features({field: value for field, value in (base | changes).items() if value is not None}, record_id)
