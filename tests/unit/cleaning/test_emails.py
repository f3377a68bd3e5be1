import pytest

from crmsearch.cleaning.email_tables import DISPOSABLE, FILLER, MAIL_PROVIDERS, ROLES, TYPO_ENDINGS
from crmsearch.cleaning.emails import clean_email, suggest_domain
from crmsearch.cleaning.values import Clean


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("gamil.com", "gmail.com"),
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmial.co.uk", "hotmail.co.uk"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("iclould.com", "icloud.com"),
        ("qq.con", "qq.com"),
        ("163.cmo", "163.com"),
        ("sina.cn.com", None),
        ("foxmial.com", "foxmail.com"),
        ("gmail.com", None),
        ("qq.com", None),
        ("cloud.com", None),
        ("email.com", None),
        ("wahoo.com", None),
        ("hotmail.se", None),
        ("acme.com", None),
        ("gm.com", None),
        ("localhost", None),
        ("", None),
    ],
)
def test_the_domain_that_was_meant(written: str, meant: str | None) -> None:
    assert suggest_domain(written) == meant


def test_no_provider_is_taken_for_a_slip_of_another() -> None:
    assert [provider for provider in MAIL_PROVIDERS if suggest_domain(provider) is not None] == []


def test_a_suggestion_is_never_applied() -> None:
    assert clean_email("anna@gamil.com") == Clean("anna@gamil.com", ("email_domain_typo",))


def test_tables_are_in_the_form_that_is_looked_up() -> None:
    for words in (MAIL_PROVIDERS, ROLES, FILLER, DISPOSABLE, TYPO_ENDINGS):
        assert all(word == word.strip().lower() and "@" not in word for word in words)
    assert MAIL_PROVIDERS.isdisjoint(DISPOSABLE)
