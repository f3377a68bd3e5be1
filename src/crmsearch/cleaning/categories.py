"""Rules for the closed vocabularies of the customer relationship: life cycle and consents."""

from functools import lru_cache

from crmsearch.cleaning.text import clean_text, match_key, split_list
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_consents", "clean_lifecycle"]

# Stage -> words, as match keys; Salesforce, Zoho, Dynamics 365 and HubSpot call the same stages differently.
_STAGES = {
    "lead": "lead leads new open opennotcontacted notcontacted subscriber raw cold marketingqualifiedlead mql attempted "
    "线索 新线索 销售线索",
    "prospect": "prospect qualified salesqualifiedlead sql opportunity working workingcontacted contacted trial evaluating nurturing "
    "contactinfuture 潜在客户 潜客 意向客户 商机 跟进中 试用",
    "customer": "customer active activecustomer client won closedwon closedconverted converted evangelist account vip "
    "客户 正式客户 成交客户 已成交 老客户 活跃 会员",
    "churned": "churned churn inactive lost former formercustomer cancelled canceled closedlost closednotconverted dormant expired lapsed "
    "流失 已流失 流失客户 休眠 失效 已失效",
}
_LIFECYCLE = {word: stage for stage, words in _STAGES.items() for word in words.split()}

# Channel -> words. A bare "yes" is consent to marketing in general; refusals add nothing.
_CHANNELS = {
    "email": "email mail newsletter 邮件 电子邮件 邮箱",
    "sms": "sms text textmessage mobile 短信",
    "phone": "phone call calls telephone voice 电话",
    "post": "post postal letter directmail 邮寄 信件",
    "wechat": "wechat weixin 微信",
    "whatsapp": "whatsapp",
    "push": "push pushnotification app 推送",
    "profiling": "profiling personalisation personalization analytics 画像 个性化",
    "marketing": "marketing yes y true 1 optin optedin subscribed agreed granted 营销 同意 是 已同意 订阅",
    "": "no n false 0 optout optedout unsubscribed refused denied withdrawn 否 不同意 拒绝 退订",
}
_CONSENTS = {word: channel for channel, words in _CHANNELS.items() for word in words.split()}


@lru_cache(maxsize=4_096)
def clean_lifecycle(raw: str) -> Outcome[str]:
    """Clean a stage of the customer relationship to lead, prospect, customer or churned."""
    outcome = clean_text(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    stage = _LIFECYCLE.get(match_key(outcome.value))
    return Rejection("lifecycle_unknown") if stage is None else Clean(stage, outcome.issues)


@lru_cache(maxsize=4_096)
def clean_consents(raw: str) -> Outcome[tuple[str, ...]]:
    """Clean a list of channels a customer agreed to; an unknown word is dropped and noted, since consent is never guessed."""
    parts = split_list(raw)
    channels: dict[str, None] = {}
    issues = dict.fromkeys(parts.issues)
    for part in parts.value or ():
        channel = _CONSENTS.get(match_key(part))
        if channel is None:
            issues["consent_unknown"] = None
        elif channel:
            channels[channel] = None
    return Clean(tuple(channels) or None, tuple(issues))
