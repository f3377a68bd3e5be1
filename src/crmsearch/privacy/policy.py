"""Who sees what of a customer, and what for: one table of fields, one of purposes. Data, and what follows from it. Pure.

Every field is of one kind of data. A purpose shows some kinds in full and leaves others out; the rest is masked as the field says. Without
a purpose the role decides. Answers, highlights, corrections, files, the terminal and the documentation go by ``Sight``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.errors import ForbiddenError, InvalidRequestError
from crmsearch.privacy.access import SCOPES, Caller, Role, Scope
from crmsearch.privacy.masks import (
    mask_date,
    mask_email,
    mask_given_name,
    mask_id,
    mask_name,
    mask_phone,
    mask_place,
    mask_postcode,
    mask_text,
)

__all__ = [
    "POLICY",
    "PURPOSES",
    "ROLE_PURPOSES",
    "WHOLE",
    "Policy",
    "Purpose",
    "PurposeName",
    "Sight",
    "masks_by_default",
    "purposes_of",
    "revealed",
    "sees_everything",
    "sight_of",
]

Kind = Literal["open", "key", "name", "contact", "home", "birth", "identity", "words"]
PurposeName = Literal["browse", "support", "sales", "marketing", "quality", "analysis", "privacy_request", "security", "administration"]
Document = dict[str, Any]


class Policy(msgspec.Struct, frozen=True):
    """Of which kind of data a field is, and how its values are masked: ``None`` for kinds that are shown always."""

    kind: Kind
    mask: Callable[[Any], Any] | None = None


_OPEN, _KEY = Policy("open"), Policy("key")
POLICY: dict[str, Policy] = {
    # identity; without the keys nobody could say whom they mean
    "customer_id": _KEY,
    "name": Policy("name", mask_name),
    "given_name": Policy("name", mask_given_name),
    "family_name": Policy("name", mask_name),
    "gender": _OPEN,
    "birth_date": Policy("birth", mask_date),
    "age": _OPEN,
    "kind": _OPEN,
    # contact
    "emails": Policy("contact", mask_email),
    "phones": Policy("contact", mask_phone),
    "address": Policy("home", mask_text),
    "district": _OPEN,
    "city": _OPEN,
    "province": _OPEN,
    "country": _OPEN,
    "postcode": Policy("home", mask_postcode),
    "location": Policy("home", mask_place),
    "national_id": Policy("identity", mask_id),
    # work
    "company": _OPEN,
    "job_title": _OPEN,
    "industry": _OPEN,
    # relationship
    "lifecycle": _OPEN,
    "owner": _OPEN,
    "source_system": _OPEN,
    "tags": _OPEN,
    "consents": _OPEN,
    "created_at": _OPEN,
    "updated_at": _OPEN,
    "last_activity_at": _OPEN,
    "notes": Policy("words", mask_text),
    # commerce
    "order_count": _OPEN,
    "revenue": _OPEN,
    "average_order_value": _OPEN,
    "first_order_at": _OPEN,
    "last_order_at": _OPEN,
    "top_category": _OPEN,
    # service
    "ticket_count": _OPEN,
    "open_ticket_count": _OPEN,
    "average_resolution_hours": _OPEN,
    "satisfaction": _OPEN,
    "last_ticket_at": _OPEN,
    "last_ticket_subject": Policy("words", mask_text),
    # marketing
    "campaigns_sent": _OPEN,
    "campaigns_opened": _OPEN,
    "campaigns_clicked": _OPEN,
    "campaigns_converted": _OPEN,
    "last_campaign": _OPEN,
    # mined
    "recency_days": _OPEN,
    "rfm_recency": _OPEN,
    "rfm_frequency": _OPEN,
    "rfm_monetary": _OPEN,
    "rfm_segment": _OPEN,
    "cluster": _OPEN,
    "churn_risk": _OPEN,
    # quality and lineage
    "quality_score": _OPEN,
    "quality_issues": _OPEN,
    "source_records": _KEY,
    "merge_reasons": _KEY,
    "merged_count": _OPEN,
    "match_confidence": _OPEN,
    "run_id": _OPEN,
    "indexed_at": _OPEN,
}
"""Every field of the catalogue."""


class Purpose(msgspec.Struct, frozen=True):
    """What somebody looks at customers for.

    Attributes:
        needs: who may state it.
        shows: kinds of data in full, beside those that are shown always.
        hides: kinds that are left out altogether; all others are masked.
    """

    label: str
    label_zh: str
    needs: Scope
    shows: tuple[Kind, ...] = ()
    hides: tuple[Kind, ...] = ()


_EVERY: tuple[Kind, ...] = ("name", "contact", "home", "birth", "identity", "words")
PURPOSES: dict[PurposeName, Purpose] = {
    "browse": Purpose("Looking through customers", "浏览", "customers:read", ("name",)),
    # Who calls is asked for their birth date and address; nobody reads an id number out.
    "support": Purpose("Helping a customer", "客户服务", "customers:read", ("name", "contact", "home", "birth", "words")),
    "sales": Purpose("Selling", "销售", "customers:read", ("name", "contact", "home", "words")),
    "marketing": Purpose("Writing to customers", "营销", "customers:read", ("name", "contact", "home"), ("identity", "words")),
    "quality": Purpose("Mending data", "数据质量", "customers:read", ("name", "contact", "home", "birth", "identity", "words")),
    "analysis": Purpose("Finding out about many", "分析", "statistics:read", (), ("identity", "words")),
    "privacy_request": Purpose("Answering a person's request", "个人信息请求", "rights:write", _EVERY),
    "security": Purpose("Looking into abuse", "安全调查", "audit:read", ("name", "contact", "home", "birth", "identity")),
    "administration": Purpose("Administration", "系统管理", "keys:write", _EVERY),
}
"""What ``X-Purpose`` may say."""

ROLE_PURPOSES: dict[Role, PurposeName] = {
    "agent": "browse",
    "app": "administration",
    "analyst": "analysis",
    "admin": "administration",
    "custom": "browse",
}
"""What a role sees customers for that states no purpose."""


class Sight(msgspec.Struct, frozen=True):
    """What is seen of customers: fields that are masked, with how, and those that are left out. ``purpose`` is the one that was stated."""

    purpose: PurposeName | None = None
    masked: Mapping[str, Callable[[Any], Any]] = {}
    hidden: frozenset[str] = frozenset()

    @property
    def withheld(self) -> frozenset[str]:
        """Fields that are not seen in full."""
        return self.hidden | self.masked.keys()

    def shown(self, document: Document) -> Document:
        """A document as it may be answered."""
        seen = {name: value for name, value in document.items() if name not in self.hidden} if self.hidden else dict(document)
        for name, mask in self.masked.items():
            if value := seen.get(name):
                seen[name] = [mask(each) for each in value] if isinstance(value, list) else mask(value)
        return seen

    def check_question(self, names: list[str]) -> None:
        """Raise ``ForbiddenError`` if an order, a group or a figure by one of these fields would tell what is not seen of it."""
        for name in names:
            if name in self.withheld:
                raise ForbiddenError(f"you see {name} masked, and an order, a range, a facet or a figure of it would tell it; {_HOW}")

    def check_whole(self) -> None:
        """Raise ``ForbiddenError`` if not everything is seen, where an answer with stars would be a wrong one."""
        if self.withheld:
            raise ForbiddenError("this answer is everything, and your role or purpose shows less; send X-Purpose: privacy_request")


_HOW = "state a purpose that reveals it (X-Purpose, GET /v1/purposes)"
WHOLE = Sight()
"""Everything, as whoever owns the installation sees it."""


def _sight(purpose: Purpose, stated: PurposeName | None) -> Sight:
    masked = {
        name: each.mask for name, each in POLICY.items() if each.mask and each.kind not in purpose.shows and each.kind not in purpose.hides
    }
    return Sight(stated, masked, frozenset(name for name, each in POLICY.items() if each.kind in purpose.hides))


_STATED: dict[PurposeName, Sight] = {name: _sight(each, name) for name, each in PURPOSES.items()}
_UNSTATED: dict[Role, Sight] = {role: _sight(PURPOSES[name], None) for role, name in ROLE_PURPOSES.items()}


def sight_of(caller: Caller, stated: str | None) -> Sight:
    """What a caller sees who states this purpose, or none.

    Raises:
        InvalidRequestError: the purpose is not of the table; it is not repeated, since it may be anything.
        ForbiddenError: it is not for this caller to state.
    """
    if stated is None:
        return _UNSTATED[caller.role]
    if stated not in PURPOSES:
        raise InvalidRequestError(f"X-Purpose is one of {', '.join(PURPOSES)}, or left out")
    needs = PURPOSES[stated].needs
    if needs not in caller.scopes:
        raise ForbiddenError(f"the purpose {stated} is for those who may: {SCOPES[needs]} ({needs})")
    return _STATED[stated]


def sees_everything(role: Role) -> bool:
    """Whether nothing is withheld from a role that states no purpose."""
    return not _UNSTATED[role].withheld


def masks_by_default(role: Role, field: str) -> bool:
    """Whether a role that states no purpose does not see a field in full."""
    return field in _UNSTATED[role].withheld


def purposes_of(caller: Caller) -> dict[PurposeName, list[str]]:
    """The purposes that a caller may state, with the masked fields that each reveals."""
    reveals = {name: [field for field, each in POLICY.items() if each.mask and field not in _STATED[name].withheld] for name in PURPOSES}
    return {name: fields for name, fields in reveals.items() if PURPOSES[name].needs in caller.scopes}


def revealed(caller: Caller, sight: Sight) -> list[str]:
    """Fields that a purpose shows in full, and the caller's role alone does not."""
    return [name for name in FIELDS if masks_by_default(caller.role, name) and name not in sight.withheld]
