"""The customer document, its field catalogue and version, and the report of a run. Data only, no logic.

Mapping, API allow-lists, console, report and documentation are generated from ``FIELDS`` or tested against it.
"""

from typing import Any, Literal

import msgspec

__all__ = [
    "CONTRACT_VERSION",
    "FIELDS",
    "FORMS_VERSION",
    "GENDERS",
    "KINDS",
    "LIFECYCLES",
    "ChangeReport",
    "ClusterReport",
    "Customer",
    "Field",
    "FieldContent",
    "FieldQuality",
    "GeoPoint",
    "InputKind",
    "InputReport",
    "LoadMode",
    "MergeReport",
    "ReasonReport",
    "RunReport",
]

CONTRACT_VERSION = 1
FORMS_VERSION = 2  # of the search forms in the index; one of another version is loaded again, since searches would not find what is there

GENDERS = ("female", "male", "other", "unknown")
KINDS = ("person", "company")
LIFECYCLES = ("lead", "prospect", "customer", "churned")

FieldType = Literal["keyword", "text", "integer", "double", "date", "geo_point"]
Sensitivity = Literal["public", "internal", "personal", "sensitive"]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the catalogue.

    ``many`` says that the value is a list. ``facet`` fields have counted values, ``statistic`` fields take mean, median and the like,
    ``analytics`` fields are copied to the index that holds no personal data. ``sealed`` ones are encrypted before
    Elasticsearch gets them, and found by a form of their own.
    """

    name: str
    label: str
    label_zh: str
    group: str
    type: FieldType
    many: bool = False
    searchable: bool = False
    filterable: bool = True
    facet: bool = False
    statistic: bool = False
    sortable: bool = False
    sensitivity: Sensitivity = "internal"
    sealed: bool = False

    @property
    def path(self) -> str:
        """The Elasticsearch field for exact matches, counts and sorting."""
        if self.sealed:
            return f"{self.name}_exact"
        return f"{self.name}.keyword" if self.type == "text" else self.name

    @property
    def ranged(self) -> bool:
        """Whether it takes ranges, in filters and as facets, and histograms."""
        return self.filterable and self.type in {"integer", "double", "date"}

    @property
    def analytics(self) -> bool:
        return self.sensitivity in {"public", "internal"}


def _field(group: str, name: str, label: str, label_zh: str, type_: FieldType, **flags: Any) -> Field:
    return Field(group=group, name=name, label=label, label_zh=label_zh, type=type_, **flags)


_PERSONAL: dict[str, Any] = {"sensitivity": "personal"}
_SEALED: dict[str, Any] = {**_PERSONAL, "sealed": True}
_FACET: dict[str, Any] = {"facet": True}
_STAT: dict[str, Any] = {"statistic": True, "sortable": True}
_WHEN: dict[str, Any] = {"statistic": True, "sortable": True}

FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        # identity
        _field("identity", "customer_id", "Customer id", "客户编号", "keyword", searchable=True, sortable=True, **_PERSONAL),
        _field("identity", "name", "Name", "姓名", "text", searchable=True, sortable=True, **_PERSONAL),
        _field("identity", "given_name", "Given name", "名", "text", searchable=True, **_PERSONAL),
        _field("identity", "family_name", "Family name", "姓", "text", searchable=True, **_PERSONAL),
        _field("identity", "gender", "Gender", "性别", "keyword", **_FACET),
        _field("identity", "birth_date", "Birth date", "出生日期", "date", sortable=True, **_PERSONAL),
        _field("identity", "age", "Age", "年龄", "integer", **_STAT),
        _field("identity", "kind", "Kind", "类型", "keyword", **_FACET),
        # contact
        _field("contact", "emails", "E-mail", "电子邮箱", "keyword", many=True, searchable=True, **_SEALED),
        _field("contact", "phones", "Phone", "电话", "keyword", many=True, searchable=True, **_SEALED),
        _field("contact", "address", "Address", "地址", "text", searchable=True, **_PERSONAL),
        _field("contact", "district", "District", "区县", "keyword", searchable=True, **_FACET),
        _field("contact", "city", "City", "城市", "keyword", searchable=True, sortable=True, **_FACET),
        _field("contact", "province", "Province", "省份", "keyword", searchable=True, **_FACET),
        _field("contact", "country", "Country", "国家", "keyword", **_FACET),
        _field("contact", "postcode", "Postcode", "邮编", "keyword", searchable=True, **_PERSONAL),
        _field("contact", "location", "Location", "位置", "geo_point", **_PERSONAL),
        _field("contact", "national_id", "National id", "证件号码", "keyword", sensitivity="sensitive", sealed=True),
        # work
        _field("work", "company", "Company", "公司", "text", searchable=True, **_FACET),
        _field("work", "job_title", "Job title", "职位", "text", searchable=True, **_FACET),
        _field("work", "industry", "Industry", "行业", "keyword", searchable=True, **_FACET),
        # relationship
        _field("relationship", "lifecycle", "Lifecycle", "生命周期", "keyword", **_FACET),
        _field("relationship", "owner", "Owner", "负责人", "keyword", **_FACET),
        _field("relationship", "source_system", "Source system", "来源系统", "keyword", **_FACET),
        _field("relationship", "tags", "Tags", "标签", "keyword", many=True, searchable=True, **_FACET),
        _field("relationship", "consents", "Consents", "授权", "keyword", many=True, **_FACET),
        _field("relationship", "created_at", "Created", "创建时间", "date", **_WHEN),
        _field("relationship", "updated_at", "Updated", "更新时间", "date", **_WHEN),
        _field("relationship", "last_activity_at", "Last activity", "最近活动", "date", **_WHEN),
        _field("relationship", "notes", "Notes", "备注", "text", searchable=True, filterable=False, **_PERSONAL),
        # commerce
        _field("commerce", "order_count", "Orders", "订单数", "integer", **_STAT),
        _field("commerce", "revenue", "Revenue", "消费金额", "double", **_STAT),
        _field("commerce", "average_order_value", "Average order value", "客单价", "double", **_STAT),
        _field("commerce", "first_order_at", "First order", "首次下单", "date", **_WHEN),
        _field("commerce", "last_order_at", "Last order", "最近下单", "date", **_WHEN),
        _field("commerce", "top_category", "Top category", "主要品类", "keyword", **_FACET),
        # service
        _field("service", "ticket_count", "Tickets", "工单数", "integer", **_STAT),
        _field("service", "open_ticket_count", "Open tickets", "未结工单", "integer", **_STAT),
        _field("service", "average_resolution_hours", "Average resolution (h)", "平均解决时长(小时)", "double", **_STAT),
        _field("service", "satisfaction", "Satisfaction", "满意度", "double", **_STAT),
        _field("service", "last_ticket_at", "Last ticket", "最近工单", "date", **_WHEN),
        _field(
            "service", "last_ticket_subject", "Last ticket subject", "最近工单主题", "text", searchable=True, filterable=False, **_PERSONAL
        ),
        # marketing
        _field("marketing", "campaigns_sent", "Campaigns sent", "营销发送", "integer", **_STAT),
        _field("marketing", "campaigns_opened", "Campaigns opened", "营销打开", "integer", **_STAT),
        _field("marketing", "campaigns_clicked", "Campaigns clicked", "营销点击", "integer", **_STAT),
        _field("marketing", "campaigns_converted", "Campaigns converted", "营销转化", "integer", **_STAT),
        _field("marketing", "last_campaign", "Last campaign", "最近营销活动", "keyword", **_FACET),
        # mined
        _field("mined", "recency_days", "Days since last order", "距上次下单天数", "integer", **_STAT),
        _field("mined", "rfm_recency", "RFM recency", "RFM 最近度", "integer", facet=True, **_STAT),
        _field("mined", "rfm_frequency", "RFM frequency", "RFM 频率", "integer", facet=True, **_STAT),
        _field("mined", "rfm_monetary", "RFM monetary", "RFM 金额", "integer", facet=True, **_STAT),
        _field("mined", "rfm_segment", "RFM segment", "RFM 分群", "keyword", **_FACET),
        _field("mined", "cluster", "Cluster", "聚类", "keyword", **_FACET),
        _field("mined", "churn_risk", "Churn risk", "流失风险", "double", **_STAT),
        # quality and lineage
        _field("quality", "quality_score", "Quality score", "质量评分", "double", **_STAT),
        _field("quality", "quality_issues", "Quality issues", "质量问题", "keyword", many=True, **_FACET),
        _field("quality", "source_records", "Source records", "来源记录", "keyword", many=True, **_PERSONAL),
        _field("quality", "merge_reasons", "Merge reasons", "合并依据", "keyword", many=True, filterable=False, **_PERSONAL),
        _field("quality", "merged_count", "Merged records", "合并记录数", "integer", **_STAT),
        _field("quality", "match_confidence", "Match confidence", "匹配置信度", "double", **_STAT),
        _field("quality", "run_id", "Run", "批次", "keyword", **_FACET),
        _field("quality", "indexed_at", "Indexed", "入库时间", "date", sortable=True),
    )
}


class GeoPoint(msgspec.Struct, frozen=True):
    """Degrees, WGS 84."""

    lat: float
    lon: float


class Customer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One customer as indexed and answered. Dates are ISO 8601 strings; money is in one currency; ``None`` means not known."""

    customer_id: str
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    gender: str | None = None
    birth_date: str | None = None
    age: int | None = None
    kind: str | None = None

    emails: list[str] = []
    phones: list[str] = []
    address: str | None = None
    district: str | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None
    postcode: str | None = None
    location: GeoPoint | None = None
    national_id: str | None = None

    company: str | None = None
    job_title: str | None = None
    industry: str | None = None

    lifecycle: str | None = None
    owner: str | None = None
    source_system: str | None = None
    tags: list[str] = []
    consents: list[str] = []
    created_at: str | None = None
    updated_at: str | None = None
    last_activity_at: str | None = None
    notes: str | None = None

    order_count: int | None = None
    revenue: float | None = None
    average_order_value: float | None = None
    first_order_at: str | None = None
    last_order_at: str | None = None
    top_category: str | None = None

    ticket_count: int | None = None
    open_ticket_count: int | None = None
    average_resolution_hours: float | None = None
    satisfaction: float | None = None
    last_ticket_at: str | None = None
    last_ticket_subject: str | None = None

    campaigns_sent: int | None = None
    campaigns_opened: int | None = None
    campaigns_clicked: int | None = None
    campaigns_converted: int | None = None
    last_campaign: str | None = None

    recency_days: int | None = None
    rfm_recency: int | None = None
    rfm_frequency: int | None = None
    rfm_monetary: int | None = None
    rfm_segment: str | None = None
    cluster: str | None = None
    churn_risk: float | None = None

    quality_score: float | None = None
    quality_issues: list[str] = []
    source_records: list[str] = []
    merge_reasons: list[str] = []
    merged_count: int | None = None
    match_confidence: float | None = None
    run_id: str | None = None
    indexed_at: str | None = None


LoadMode = Literal["full", "incremental"]
InputKind = Literal["customers", "orders", "tickets", "campaigns"]


class InputReport(msgspec.Struct, frozen=True, kw_only=True):
    """One source table of a run: how it was read, and which of its columns went where.

    ``rows_read = indexed + merged + quarantined + removed + unchanged`` for every table. Of customers, ``indexed`` records lead a customer
    and ``merged`` ones joined it; ``removed`` rows say that their record is deleted, ``unchanged`` ones tell an incremental load nothing
    new. Of orders, tickets and campaign responses, ``indexed`` rows count in a customer's figures and ``merged`` ones repeat another.
    """

    path: str
    kind: InputKind = "customers"
    format: str
    encoding: str
    source_system: str
    preset: str = "generic"
    table: str = ""
    rows_read: int
    indexed: int = 0
    merged: int = 0
    quarantined: int
    removed: int = 0
    unchanged: int = 0
    columns: dict[str, str]
    unmapped: list[str]


class FieldQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Quality of one field over a run, as shares from 0 to 1.

    Attributes:
        field: name in the catalogue.
        filled_before: customer rows with anything in its cells.
        filled_after: customers with a value.
        valid: filled cells whose value survived the rules; ``None`` where no cell was filled.
        unique_before: different values among the values of all accepted records, approximately (HyperLogLog, 1.6% standard error).
        unique_after: the same among customers.
    """

    field: str
    filled_before: float
    filled_after: float
    valid: float | None
    unique_before: float | None
    unique_after: float | None


class ReasonReport(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that was applied: rows of all kinds it concerns, and a few of the cells, masked."""

    code: str
    kind: InputKind = "customers"
    severity: str
    action: str
    rows: int
    samples: list[str] = []


class MergeReport(msgspec.Struct, frozen=True, kw_only=True):
    """How records became customers.

    Attributes:
        pairs_compared: candidate pairs that shared a blocking key.
        links: pairs accepted as one customer that hold the clusters together.
        customers_merged: customers made of more than one record.
        largest_cluster: records of the largest customer.
        blocks_capped: blocking keys of more records than are compared, whose records were not compared for that key.
        links_refused: links that a guard refused (two valid national ids, a chain).
        confidence: customers made by comparison, by confidence band such as ``0.95-0.99``.
        reasons: links by what they rest on, such as ``same e-mail``, most frequent first; a link counts for each of its reasons.
    """

    pairs_compared: int = 0
    links: int = 0
    customers_merged: int = 0
    largest_cluster: int = 0
    blocks_capped: int = 0
    links_refused: int = 0
    confidence: dict[str, int] = {}
    reasons: dict[str, int] = {}


class ClusterReport(msgspec.Struct, frozen=True, kw_only=True):
    """One behavioural cluster: its name, how many customers it has, and the mean of every feature that made it."""

    name: str
    customers: int
    means: dict[str, float]


class FieldContent(msgspec.Struct, frozen=True, kw_only=True):
    """What all documents of a run hold in one field, to be compared with the index.

    Attributes:
        field: name in the catalogue.
        filled: documents with a value.
        total: sum of the numbers, or of the dates as milliseconds since 1970; ``None`` for other fields.
    """

    field: str
    filled: int
    total: float | None = None


class ChangeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an incremental load did to the customers that were there.

    Attributes:
        customers_written: documents written anew, new customers included.
        customers_deleted: customers that are no more, since their records were removed or joined others.
        records_compared: records of the base that were looked at.
        customers: customers that there are now.
    """

    customers_written: int = 0
    customers_deleted: int = 0
    records_compared: int = 0
    customers: int = 0


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did; ``rows_read = indexed + merged + quarantined + removed + unchanged`` or the run has failed.

    The totals are those of customers; ``inputs`` has the same for every table of every kind. ``quarantined_by_reason`` and ``issues`` count
    customer rows by code, so a row with several codes counts once under each. ``currency`` is what the orders were paid in, if they say so.
    ``mode`` is that of the load; ``changes`` are those of an incremental one. ``records`` are kept beside the customers of a full one.
    ``contents`` is what was written, by field. ``seconds`` are by stage. ``failure`` says why the result never went live; such a report may
    lack what would have been counted later.
    """

    run_id: str
    crmsearch_version: str
    began_at: str
    index: str | None
    inputs: list[InputReport]
    rows_read: int
    indexed: int
    merged: int
    quarantined: int
    removed: int = 0
    unchanged: int = 0
    mode: LoadMode = "full"
    records: int = 0
    changes: ChangeReport | None = None
    quarantined_by_reason: dict[str, int]
    issues: dict[str, int]
    reasons: list[ReasonReport] = []
    fields: list[FieldQuality] = []
    merges: MergeReport = msgspec.field(default_factory=MergeReport)
    rfm_segments: dict[str, int] = {}
    clusters: list[ClusterReport] = []
    currency: str | None = None
    contents: list[FieldContent] = []
    seconds: dict[str, float]
    failure: str | None = None
