"""What values of categories are called, in English and Chinese: the closed vocabularies, and the words that CRMs offer as lists. Data only.

Everything else that a customer has is data, and is shown as it is. Sentences, charts and the console go by this one table.
"""

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.mining.features import AVERAGE, AVERAGE_ZH, FEATURES
from crmsearch.mining.rfm import SEGMENTS

__all__ = ["VOCABULARY", "Word"]


class Word(msgspec.Struct, frozen=True):
    """A value of a field, and what it is called."""

    value: str
    label: str
    label_zh: str


_INDUSTRIES = {
    "Agriculture": "农业",
    "Apparel": "服装",
    "Automotive": "汽车",
    "Banking": "银行",
    "Biotechnology": "生物技术",
    "Chemicals": "化工",
    "Communications": "通信",
    "Construction": "建筑",
    "Consulting": "咨询",
    "Education": "教育",
    "Electronics": "电子",
    "Energy": "能源",
    "Engineering": "工程",
    "Entertainment": "文娱",
    "Environmental": "环保",
    "Finance": "金融",
    "Food & Beverage": "食品饮料",
    "Government": "政府",
    "Healthcare": "医疗健康",
    "Hospitality": "酒店餐饮",
    "Insurance": "保险",
    "Logistics": "物流",
    "Machinery": "机械",
    "Manufacturing": "制造业",
    "Media": "传媒",
    "Not For Profit": "公益组织",
    "Other": "其他",
    "Real Estate": "房地产",
    "Recreation": "休闲",
    "Retail": "零售",
    "Shipping": "航运",
    "Technology": "科技",
    "Telecommunications": "电信",
    "Transportation": "交通运输",
    "Utilities": "公用事业",
}
_CATEGORIES = {
    "Beauty": "美妆",
    "Books": "图书",
    "Clothing": "服饰",
    "Electronics": "电子产品",
    "Groceries": "食品杂货",
    "Home": "家居",
    "Software": "软件",
    "Sports": "运动",
    "Toys": "玩具",
    "Travel": "旅行",
}
_TABLE: dict[str, dict[str, tuple[str, str]]] = {
    "gender": {"female": ("Female", "女"), "male": ("Male", "男"), "other": ("Other", "其他"), "unknown": ("Unknown", "未知")},
    "kind": {"person": ("Person", "个人"), "company": ("Company", "公司")},
    "industry": {each: (each, chinese) for each, chinese in _INDUSTRIES.items()},
    "lifecycle": {
        "lead": ("Lead", "线索"),
        "prospect": ("Prospect", "潜在客户"),
        "customer": ("Customer", "客户"),
        "churned": ("Churned", "已流失"),
    },
    "source_system": {
        "salesforce": ("Salesforce", "Salesforce"),
        "zoho": ("Zoho", "Zoho"),
        "dynamics365": ("Dynamics 365", "Dynamics 365"),
        "hubspot": ("HubSpot", "HubSpot"),
        "generic": ("Other file", "其他文件"),
    },
    "consents": {
        "email": ("E-mail", "电子邮件"),
        "sms": ("Text message", "短信"),
        "phone": ("Phone call", "电话"),
        "post": ("Letter", "邮寄"),
        "wechat": ("WeChat", "微信"),
        "whatsapp": ("WhatsApp", "WhatsApp"),
        "push": ("App notification", "应用推送"),
        "profiling": ("Profiling", "用户画像"),
        "marketing": ("Marketing in general", "各类营销"),
    },
    "top_category": {each: (each, chinese) for each, chinese in _CATEGORIES.items()},
    "rfm_segment": {each.name: (each.name.capitalize(), each.name_zh) for each in SEGMENTS},
    # A cluster is named by one or more of these words, with a comma between them.
    "cluster": {
        AVERAGE: (AVERAGE, AVERAGE_ZH),
        **{each.low: (each.low, each.low_zh) for each in FEATURES},
        **{each.high: (each.high, each.high_zh) for each in FEATURES},
    },
}

VOCABULARY: dict[str, dict[str, Word]] = {
    name: {value: Word(value, *labels) for value, labels in _TABLE.get(name, {}).items()} for name in FIELDS
}
"""Field -> value -> what it is called; empty for fields whose values are data."""
