"""What is sealed is opened by the right key, field and document alone, and found by hashes that tell nothing without the key."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.cleaning.forms import FORMS, search_forms
from crmsearch.contract import FIELDS
from crmsearch.errors import ConfigError, KeyMissingError
from crmsearch.indexing.mappings import load_customers_body
from crmsearch.privacy.quarantine import open_row, seal_row
from crmsearch.privacy.vault import HASHED_FORMS, SEALED_FIELDS, parse_ring
from crmsearch.resolution.stored import build_stored, describe
from crmsearch.search.filters import build_filter, parse_filter
from crmsearch.search.query import build_search_body
from crmsearch.search.request import SearchRequest
from tests.vaults import NEXT, ROTATED, VAULT

WANG: dict[str, Any] = {
    "customer_id": "C1",
    "name": "Wang Wei",
    "emails": ["Wang.Wei@example.com", "ww@corp.cn"],
    "phones": ["+8613800138000"],
    "national_id": "11010519491231002X",
    "city": "Beijing",
}
PLAIN = [*WANG["emails"], *WANG["phones"], WANG["national_id"], "wang.wei@example.com", "13800138000", "138000", "example.com"]


def test_key_data_is_sealed_and_opened() -> None:
    sealed = VAULT.seal(WANG, "C1")
    assert {name for name in WANG if sealed[name] != WANG[name]} == {"emails", "phones", "national_id"} == set(SEALED_FIELDS)
    assert VAULT.open(sealed, "C1") == WANG
    assert VAULT.seal(WANG, "C1")["national_id"] != sealed["national_id"], "the nonce is another"
    assert VAULT.open(WANG, "C1") == WANG, "what was written before there was encryption"


def test_a_ciphertext_is_aes_256_gcm_of_a_derived_key() -> None:
    """By the library's own means, so that the form cannot change unnoticed."""
    sealed = VAULT.seal_text("+8613800138000", "phones", "C1")
    master = urlsafe_b64decode(f"{VAULT.ring[0]}=")
    key = HKDF(SHA256(), 32, salt=None, info=b"crmsearch seal phones").derive(master)
    assert sealed[0] == "~"
    assert sealed[1:9] == VAULT.key_id == HKDF(SHA256(), 4, salt=None, info=b"crmsearch id").derive(master).hex()
    raw = urlsafe_b64decode(sealed[9:])
    assert AESGCM(key).decrypt(raw[:12], raw[12:], b"phones\0C1") == b"+8613800138000"


@pytest.mark.parametrize(("field", "owner"), [("phones", "C2"), ("emails", "C1")])
def test_it_cannot_be_moved(field: str, owner: str) -> None:
    with pytest.raises(KeyMissingError, match="moved"):
        VAULT.open_text(VAULT.seal_text("+8613800138000", "phones", "C1"), field, owner)


def test_it_cannot_be_changed() -> None:
    sealed = VAULT.seal_text("+8613800138000", "phones", "C1")
    for at in range(9, len(sealed) - 4):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(KeyMissingError) as caught:
            VAULT.open_text(changed, "phones", "C1")
        assert "138" not in caught.value.detail


def test_another_key_does_not_open_it_and_is_named() -> None:
    sealed = VAULT.seal(WANG, "C1")
    with pytest.raises(KeyMissingError, match=f"the key {VAULT.key_id}.*CRMSEARCH_ENCRYPTION_KEYS"):
        NEXT.open(sealed, "C1")
    assert ROTATED.open(sealed, "C1") == WANG
    assert ROTATED.key_id == NEXT.key_id


def test_sealed_anew_with_the_next_key() -> None:
    anew = ROTATED.reseal(VAULT.seal(WANG, "C1"), "C1")
    assert NEXT.open(anew, "C1") == WANG
    assert ROTATED.reseal(anew, "C1") == anew
    assert NEXT.open(ROTATED.reseal(WANG, "C1"), "C1") == WANG, "and what was never sealed"


def test_an_index_of_a_missing_key_is_refused() -> None:
    for vault in (VAULT, ROTATED):
        vault.check_key("crm-customers-1", VAULT.key_id)
        vault.check_key("crm-customers-1", None)
    for refused in (VAULT.check_key, VAULT.of):
        with pytest.raises(KeyMissingError, match="crm-customers-1"):
            refused("crm-customers-1", NEXT.key_id)


def test_writers_seal_with_the_key_of_the_index() -> None:
    assert ROTATED.key_id == NEXT.key_id
    of_the_old = ROTATED.of("crm-customers-1", VAULT.key_id)
    assert (of_the_old.key_id, set(of_the_old.ring)) == (VAULT.key_id, set(ROTATED.ring))
    assert VAULT.open(of_the_old.seal(WANG, "C1"), "C1") == WANG
    assert ROTATED.of("crm-customers-1", None) == ROTATED


def test_what_looks_sealed_is_sealed_all_the_same() -> None:
    """An app or a file may say anything."""
    posed = {"national_id": f"~{VAULT.key_id}{'A' * 38}", "phones": [VAULT.seal_text("+1555", "phones", "C1")]}
    assert VAULT.open(VAULT.seal(posed, "C1"), "C1") == posed
    row = {"run_id": "r", "source_key": posed["national_id"], "raw": posed["national_id"]}
    assert open_row(seal_row(row, VAULT), VAULT) == row


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text(min_size=1) | st.lists(st.text(min_size=1), max_size=3)), st.text())
def test_whatever_a_document_holds_is_the_same_again(document: dict[str, Any], owner: str) -> None:
    assert VAULT.open(VAULT.seal(document, owner), owner) == document


def test_forms_of_key_data_are_hashes_and_all_others_as_they_were() -> None:
    plain, forms = search_forms(WANG), VAULT.forms(WANG)
    assert forms.keys() == plain.keys()
    assert {name for name in forms if forms[name] != plain[name]} == HASHED_FORMS & plain.keys()
    text = json.dumps({name: forms[name] for name in HASHED_FORMS})
    assert not [value for value in PLAIN if value in text]
    assert NEXT.forms(WANG)["phone_endings"] != forms["phone_endings"]
    assert set(forms["emails_exact"].split()).isdisjoint(forms["email_parts"].split()), "each form has a key of its own"


def test_every_form_that_tells_key_data_is_hashed_and_the_mapping_keeps_no_plain_value() -> None:
    telling = {name for name, form in FORMS.items() if set(form.fields) & set(SEALED_FIELDS)}
    assert telling == HASHED_FORMS
    properties = load_customers_body()["mappings"]["properties"]
    for name in SEALED_FIELDS:
        assert properties[name] == {"type": "keyword", "index": False, "doc_values": False}


@pytest.mark.parametrize("q", ["13800138000", "8000", "+86 138 0013 8000", "wang.wei@example.com", "wang.w", "@example.com", "-138000"])
def test_what_is_looked_up_is_hidden_and_would_be_found(q: str) -> None:
    plain = build_search_body(SearchRequest(q=q))
    hidden = VAULT.hide(plain)
    forms = VAULT.forms(WANG)
    found = [
        (path, value) for path, value in _terms(hidden) if path in HASHED_FORMS for value in (value if isinstance(value, list) else [value])
    ]
    assert found
    assert any(value in forms[path].split() for path, value in found)
    assert not [value for path, value in found if value in dict(_terms(plain)).values()]
    assert [each for each in _terms(hidden) if each[0] not in HASHED_FORMS] == [
        each for each in _terms(plain) if each[0] not in HASHED_FORMS
    ]


def _terms(body: Any) -> list[tuple[str, Any]]:
    """All look-ups of a body: path and value."""
    if isinstance(body, list):
        return [each for one in body for each in _terms(one)]
    if not isinstance(body, dict):
        return []
    own = [pair for kind in ("term", "terms") if isinstance(body.get(kind), dict) for pair in body[kind].items()]
    return own + [each for value in body.values() for each in _terms(value)]


@pytest.mark.parametrize(
    "text", ["emails:WANG.WEI@example.com", "phones:+8613800138000|+1555", "national_id:11010519491231002x", "-phones:+1555"]
)
def test_filters_are_hidden_and_match_whatever_the_case(text: str) -> None:
    clause = VAULT.hide(build_filter(parse_filter(text)))
    shown = json.dumps(clause)
    assert "1380013" not in shown
    assert "1101051" not in shown
    assert "wang" not in shown.lower()
    if not text.startswith("-"):
        ((path, value),) = _terms(clause)
        assert set(VAULT.forms(WANG)[path].split()) & set(value if isinstance(value, list) else [value])


def test_no_values_are_nobodys() -> None:
    for vault in (VAULT, ROTATED):
        assert vault.hide({"terms": {"emails_exact": []}}) == {"terms": {"emails_exact": []}}


def test_while_keys_change_both_are_looked_up() -> None:
    clause = ROTATED.hide({"term": {"phone_endings": "8000"}})
    looked_up = {value for _, value in _terms(clause)}
    for vault in (VAULT, NEXT):
        assert looked_up & set(vault.forms(WANG)["phone_endings"].split())


def test_what_holds_no_key_data_is_left_as_it_is() -> None:
    body = {"query": {"term": {"city": "8000"}}, "aggs": {"x": {"terms": {"field": "city", "size": 3}}}, "size": 0, "sort": ["_score"]}
    assert VAULT.hide(body) == body


def test_records_are_kept_sealed_and_found_by_numbers_of_the_key() -> None:
    described = describe({**WANG, "kind": "person", "fingerprint": "f"})
    stored = build_stored(described, "C1", 7, lambda _: False, 42)
    kept = VAULT.seal_record(stored)
    assert not [value for value in PLAIN if value in json.dumps(kept)]
    assert VAULT.open_record(kept)["record"] == stored["record"]
    assert (kept["customer_id"], kept["component"], kept["written_at"]) == ("C1", 7, 42)
    assert kept["blocks"] == VAULT.blocks(stored["blocks"])
    assert set(kept["blocks"]).isdisjoint(stored["blocks"])
    assert dict(zip(kept["counted"], stored["counted"], strict=True)) == VAULT.counters(stored["counted"])
    assert all(0 <= number < 2**48 for number in kept["counted"])
    assert NEXT.blocks(stored["blocks"]) != kept["blocks"]
    assert set(kept["blocks"]) < set(ROTATED.blocks(stored["blocks"]))
    assert VAULT.counters(stored["counted"]).items() <= ROTATED.counters(stored["counted"]).items()


def test_rows_in_quarantine_are_sealed_but_for_their_reasons() -> None:
    row = {
        "run_id": "r",
        "source": "a.csv",
        "kind": "customers",
        "reasons": ["x"],
        "issues": [],
        "source_key": "w@x.cn",
        "raw": '{"a":"+861"}',
    }
    sealed = seal_row(row, VAULT)
    assert {name for name in row if sealed[name] != row[name]} == {"source_key", "raw"}
    assert open_row(sealed, VAULT) == row
    assert open_row({**row, "source_key": None}, VAULT) == {**row, "source_key": None}


def test_a_ring_is_read_in_any_writing() -> None:
    one, other = (urlsafe_b64encode(letter * 32).decode() for letter in (b"\xfa", b"\xfb"))
    standard = one.replace("-", "+").replace("_", "/")
    assert (
        parse_ring(f"# keys\n{standard}\nnext:{other}\n", "X") == parse_ring(f"{one},{other}", "X") == (one.rstrip("="), other.rstrip("="))
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "short", "geheim" * 12, urlsafe_b64encode(b"a" * 31).decode()])
def test_no_ring_without_a_whole_key(text: str) -> None:
    with pytest.raises(ConfigError, match="MY_VARIABLE") as caught:
        parse_ring(text, "MY_VARIABLE")
    assert "geheim" not in caught.value.detail


def test_a_vault_shows_no_key() -> None:
    assert not [key for key in VAULT.ring if key in repr(VAULT)]


def test_the_documentation_names_what_is_sealed() -> None:
    page = (Path(__file__).parents[3] / "docs" / "encryption.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in SEALED_FIELDS)
    assert set(SEALED_FIELDS) == {"emails", "phones", "national_id"}
