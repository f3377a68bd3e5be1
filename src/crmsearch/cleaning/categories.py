"""Rules for the closed vocabularies of the customer relationship: life cycle, consents and opt-outs."""

from collections.abc import Iterable
from functools import lru_cache

from crmsearch.cleaning.text import clean_text, match_key, split_list
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["EVERY_CHANNEL", "OPT_OUTS", "clean_consents", "clean_deleted", "clean_lifecycle", "clean_opt_out", "without_withdrawn"]

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

EVERY_CHANNEL = "marketing"
"""The consent to marketing in general; whoever withdraws it agrees to nothing."""

OPT_OUTS: dict[str, str] = {
    "email_opt_out": "email",
    "sms_opt_out": "sms",
    "phone_opt_out": "phone",
    "post_opt_out": "post",
    "opt_out": EVERY_CHANNEL,
}
"""Column of a customer file that says what is refused -> the consent that a yes in it withdraws."""

# Dynamics 365 writes "Allow" or "Do Not Allow" into a column that bears the name of the refusal.
_REFUSALS = {
    word: refused
    for refused, words in {
        True: "yes y true t x 1 on optout optedout unsubscribed donotallow donotsend donotcontact refused denied withdrawn blocked "
        "是 有 已退订 退订 拒绝 不同意 不允许 已拒绝",
        False: "no n false f 0 off optin optedin subscribed allow allowed send agreed granted 否 未 未退订 同意 允许 订阅 已订阅",
    }.items()
    for word in words.split()
}

_DELETIONS = {
    word: deleted
    for deleted, words in {
        True: "yes y true t x 1 deleted delete removed remove erased 是 已删除 删除",
        False: "no n false f 0 active kept live 否 未删除 未 正常",
    }.items()
    for word in words.split()
}


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


@lru_cache(maxsize=4_096)
def clean_opt_out(raw: str) -> Clean[bool]:
    """Clean what a column of refusals says: whether something is refused. Any word that is not known is a refusal, and noted."""
    outcome = clean_text(raw)
    if isinstance(outcome, Rejection):
        return Clean(True, (outcome.code,))
    if outcome.value is None:
        return Clean(None, outcome.issues)
    refused = _REFUSALS.get(match_key(outcome.value))
    return Clean(True, (*outcome.issues, "opt_out_unreadable")) if refused is None else Clean(refused, outcome.issues)


@lru_cache(maxsize=4_096)
def clean_deleted(raw: str) -> Outcome[bool]:
    """Clean what a column says of whether the record is deleted in its system; a word that is not known deletes nobody."""
    outcome = clean_text(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome if isinstance(outcome, Rejection) else Clean(None, outcome.issues)
    deleted = _DELETIONS.get(match_key(outcome.value))
    return Rejection("deleted_unreadable") if deleted is None else Clean(deleted, outcome.issues)


def without_withdrawn(consents: Iterable[str], withdrawn: Iterable[str]) -> list[str]:
    """The consents that stand after some were withdrawn.

    Marketing in general is no longer agreed to when one of its channels is refused, as nothing in the list could tell the exception.
    """
    gone = {*withdrawn}
    if not gone:
        return [*consents]
    return [] if EVERY_CHANNEL in gone else [channel for channel in consents if channel not in {*gone, EVERY_CHANNEL}]
