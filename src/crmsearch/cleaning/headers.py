"""Which column of an export means which field of a customer: a table of header names, and the mapping made from it."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from crmsearch.cleaning.text import match_key
from crmsearch.errors import InvalidRequestError, UnknownFieldError

__all__ = ["HEADERS", "LIST_FIELDS", "HeaderMapping", "map_headers"]

# Field -> header names in English and Chinese, best first; case, spaces, underscores and punctuation do not matter. They include those of
# Salesforce, Zoho, Dynamics 365 and HubSpot, in their exports and in their APIs.
HEADERS: dict[str, tuple[str, ...]] = {
    "customer_id": (
        "customer id", "customer no", "customer number", "customer key", "customer code", "client id", "contact id", "lead id",
        "person id", "user id", "member id", "record id", "rec id", "record id contact", "hs object id", "external id", "id", "key",
        "no", "(do not modify) contact", "客户编号", "客户号", "客户id", "客户代码", "会员编号", "会员号", "联系人编号", "用户编号",
        "编号", "序号",
    ),
    "name": (
        "name", "full name", "customer name", "contact name", "client name", "display name", "person name", "lead name", "contact",
        "姓名", "客户姓名", "客户名称", "客户名", "联系人姓名", "联系人", "全名", "名称", "用户姓名", "会员姓名", "客户",
    ),
    "given_name": ("given name", "given names", "first name", "firstname", "forename", "christian name", "fname", "名", "名字"),
    "family_name": ("family name", "surname", "last name", "lastname", "second name", "lname", "姓", "姓氏"),
    "gender": ("gender", "sex", "gender code", "gender identity", "性别"),
    "age": ("age", "age years", "age in years", "年龄", "岁数"),
    "birth_date": (
        "birth date", "date of birth", "dob", "birthday", "birthdate", "born", "born on", "出生日期", "生日", "出生年月日", "出生年月",
    ),
    "emails": (
        "email", "e-mail", "emails", "email address", "e-mail address", "email addresses", "mail", "primary email", "secondary email",
        "work email", "business email", "personal email", "home email", "other email", "alternate email", "additional email addresses",
        "邮箱", "电子邮箱", "电子邮件", "邮件", "邮箱地址", "邮件地址", "电邮",
    ),
    "phones": (
        "phone", "phones", "phone number", "phone numbers", "telephone", "telephone number", "tel", "tel no", "mobile", "mobile phone",
        "mobile number", "mobile phone number", "cell", "cell phone", "cellphone", "home phone", "work phone", "business phone",
        "office phone", "other phone", "main phone", "primary phone", "contact number", "contact phone", "assistant phone",
        "asst phone", "手机", "手机号", "手机号码", "电话", "电话号码", "联系电话", "联系方式", "移动电话", "固定电话", "座机",
        "办公电话", "家庭电话",
    ),
    "address": (
        "address", "street number", "house number", "street", "street address", "address line", "street line", "mailing street",
        "mailing address", "home address", "postal address", "other street", "address line one", "address line two", "line", "地址",
        "联系地址", "详细地址", "通讯地址", "街道", "街道地址", "门牌号", "住址", "家庭住址",
    ),
    "district": (
        "district", "county", "borough", "area", "neighbourhood", "neighborhood", "address1 county", "区", "区县", "县", "行政区",
    ),
    "city": (
        "city", "town", "city town", "mailing city", "home city", "address1 city", "billing city", "other city", "suburb", "locality",
        "城市", "所在城市", "市", "所在地", "地市",
    ),
    "province": (
        "province", "state", "state province", "state region", "state or province", "mailing state", "mailing state province",
        "address1 stateorprovince", "region", "billing state", "other state", "省份", "省", "所在省份", "省市", "州", "地区",
    ),
    "country": (
        "country", "country code", "country region", "mailing country", "address1 country", "nation", "billing country",
        "other country", "国家", "国家地区", "国别", "国籍",
    ),
    "postcode": (
        "postcode", "post code", "postal code", "zip", "zip code", "zip postal code", "mailing zip", "mailing postal code",
        "mailing zip postal code", "address1 postalcode", "billing zip", "other zip", "邮编", "邮政编码",
    ),
    "national_id": (
        "national id", "national id number", "national identity number", "soc sec id", "ssn", "social security number", "id number",
        "id card", "id card number", "identity number", "passport number", "身份证号", "身份证", "身份证号码", "证件号", "证件号码",
    ),
    "company": (
        "company", "company name", "account name", "account", "organisation", "organization", "organisation name", "organization name",
        "employer", "associated company", "parent customer", "parentcustomerid", "business name", "firm", "公司", "公司名称", "单位",
        "工作单位", "企业", "企业名称", "单位名称", "所属公司",
    ),
    "job_title": (
        "job title", "jobtitle", "job", "position", "role", "occupation", "designation", "title", "职位", "职务", "岗位", "职业",
        "职称",
    ),
    "industry": ("industry", "sector", "industry code", "branch", "business sector", "行业", "所属行业", "行业类别"),
    "lifecycle": (
        "lifecycle", "lifecycle stage", "life cycle", "customer status", "customer stage", "lead status", "status", "stage",
        "contact status", "生命周期", "生命周期阶段", "客户状态", "客户阶段", "阶段", "状态",
    ),
    "owner": (
        "owner", "contact owner", "lead owner", "account owner", "record owner", "owner name", "hubspot owner id", "owner id",
        "assigned to", "sales rep", "account manager", "负责人", "所有者", "客户经理", "销售", "销售代表", "归属人", "跟进人",
    ),
    "tags": ("tags", "tag", "labels", "label", "keywords", "标签", "客户标签"),
    "consents": (
        "consents", "consent", "marketing consent", "opt in", "opt ins", "permissions", "contact permission", "subscriptions", "授权",
        "同意", "营销授权", "营销同意", "同意项",
    ),
    "created_at": (
        "created at", "created", "created on", "created date", "create date", "created time", "creation date", "date created",
        "createdate", "registered at", "registration date", "signup date", "sign up date", "创建时间", "创建日期", "建档时间",
        "注册时间", "注册日期",
    ),
    "updated_at": (
        "updated at", "updated", "last updated", "modified", "modified at", "modified on", "modified time", "last modified",
        "last modified date", "last modified at", "date modified", "system modstamp", "更新时间", "更新日期", "修改时间",
        "最后修改时间",
    ),
    "last_activity_at": (
        "last activity at", "last activity", "last activity date", "last activity time", "last contacted", "last contact",
        "last contact date", "notes last contacted", "last seen", "last login", "最近活动", "最近活动时间", "最后活动时间",
        "最近联系时间", "最后联系时间", "最后跟进时间", "最近跟进时间",
    ),
    "notes": (
        "notes", "note", "comments", "comment", "description", "remarks", "remark", "memo", "备注", "说明", "描述", "备注信息", "附注",
    ),
    "source_system": ("source system", "system", "origin system", "crm", "data source", "来源系统", "数据来源", "系统"),
}  # fmt: skip

LIST_FIELDS = frozenset({"emails", "phones", "tags", "consents"})
_MANY = LIST_FIELDS | {"address"}  # fields that several columns may fill

_ALL_DIGITS = re.compile(r"[0-9]+")
_RANKS = {match_key(header): (field, rank) for field, headers in HEADERS.items() for rank, header in enumerate((field, *headers))}


class HeaderMapping(msgspec.Struct, frozen=True):
    """The meaning of a file's columns.

    Attributes:
        columns: the field of each column, in the file's order; ``None`` for one that is not used.
        unmapped: the header names of the columns that are not used.
    """

    columns: tuple[str | None, ...]
    unmapped: tuple[str, ...]


def map_headers(headers: Sequence[str], overrides: Mapping[str, str] = {}) -> HeaderMapping:
    """Find the field of every column by its header.

    List fields and the address take every column that fits, in order. Of several columns for another field the one with the best name
    wins, at equal names the first; the others stay unused. ``email 2`` or ``address_1`` mean what they mean without their number.

    Args:
        headers: the header row.
        overrides: field -> header, for what the table cannot know; they win over it.

    Raises:
        UnknownFieldError: an override names a field that an export cannot carry.
        InvalidRequestError: an override names a header that is not in the file, or two overrides name the same one.
    """
    columns: list[str | None] = [None] * len(headers)
    for field, header in overrides.items():
        columns[_overridden(field, header, headers, columns)] = field
    found = [(*match, place) for place, header in enumerate(headers) if columns[place] is None and (match := _find(header))]
    for field, _, place in sorted(found, key=lambda one: (one[1], one[2])):
        if field in _MANY or field not in columns:
            columns[place] = field
    unmapped = tuple(header for header, column in zip(headers, columns, strict=True) if column is None)
    return HeaderMapping(tuple(columns), unmapped)


def _find(header: str) -> tuple[str, int] | None:
    """The field of a header and the rank of the header among that field's names."""
    key = match_key(header)
    if key in _RANKS:
        return _RANKS[key]
    match = _RANKS.get(_ALL_DIGITS.sub("", key))
    return match if match is not None and match[0] in _MANY else None


def _overridden(field: str, header: str, headers: Sequence[str], columns: Sequence[str | None]) -> int:
    if field not in HEADERS:
        raise UnknownFieldError(f"no field {field!r} in an export; known are {', '.join(HEADERS)}")
    wanted = [place for place, one in enumerate(headers) if one.strip() == header.strip()]
    wanted = wanted or [place for place, one in enumerate(headers) if match_key(one) == match_key(header)]
    if not wanted or not match_key(header):
        raise InvalidRequestError(f"no header {header!r} for {field}; the file has {', '.join(repr(one) for one in headers)}")
    free = [place for place in wanted if columns[place] is None]
    if not free:
        raise InvalidRequestError(f"header {header!r} is given to both {columns[wanted[0]]} and {field}")
    return free[0]
