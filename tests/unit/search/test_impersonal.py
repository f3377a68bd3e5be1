"""What those may ask who may not see personal data."""

from __future__ import annotations

import pytest

from crmsearch.contract import FIELDS
from crmsearch.errors import ForbiddenError
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.filters import Filter
from crmsearch.search.impersonal import check_impersonal, is_impersonal
from crmsearch.search.segments import Segment

BERLIN = Filter(field="city", in_=["Berlin"])
ONE = Segment(name="one", label="", label_zh="", filters=[Filter(field="emails", in_=["a@example.org"])])
AROUND = Segment(name="around", label="", label_zh="", filters=[BERLIN, Filter(segment="one")])
NAMED = Segment(name="named", label="", label_zh="", q="ada byron")
POOL = {**BUILT_IN, "one": ONE, "around": AROUND, "named": NAMED}


def test_groups_of_what_is_not_personal_may_be_asked_for() -> None:
    check_impersonal("", [BERLIN, Filter(segment="churn-high")], ["age", "rfm_segment", "segment"], POOL)
    assert all(is_impersonal(each, BUILT_IN) for each in BUILT_IN.values())


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if not field.analytics])
def test_no_field_of_personal_data_may_be_asked_by(name: str) -> None:
    with pytest.raises(ForbiddenError, match=name):
        check_impersonal("", [Filter(field=name, exists=True)], [], {})
    with pytest.raises(ForbiddenError, match=name):
        check_impersonal("", [], [name], {})


@pytest.mark.parametrize("q", ["ada", "city:Berlin", "138"])
def test_no_text_may_be_asked_for(q: str) -> None:
    with pytest.raises(ForbiddenError, match="text"):
        check_impersonal(q, [], [], {})


@pytest.mark.parametrize("name", ["one", "around", "named"])
def test_no_segment_that_goes_by_personal_data_may_be_asked_by(name: str) -> None:
    for each in (Filter(segment=name), Filter(not_segment=name)):
        with pytest.raises(ForbiddenError, match=f"segment {name}"):
            check_impersonal("", [each], [], POOL)
    assert not is_impersonal(POOL[name], POOL)
