"""The table of all cleaning rules: what may be found wrong in a record, and what is then done.

``fix``: the value is kept, mended if need be. ``blank``: the value is dropped, the record stays. ``reject``: the record goes to quarantine.
The run report is made from this table, and ``docs/rules.md`` is tested against it.
"""

from typing import Literal

import msgspec

__all__ = ["RULES", "Rule"]

Severity = Literal["fix", "blank", "reject"]


class Rule(msgspec.Struct, frozen=True):
    """One kind of dirt.

    Attributes:
        code: what the record's ``quality_issues`` and the run report call it.
        field: a field of the contract, ``any`` for every text, or ``row`` for the record as a whole.
        severity: what becomes of the value.
        action: the same in words.
        example: a cell that breaks the rule.
        marks: nothing is mended: the code tells something of a value that stays as it is, so the clean value bears it too.
    """

    code: str
    field: str
    severity: Severity
    action: str
    example: str
    marks: bool = False


RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        # any text
        Rule("spaces", "any", "fix", "doubled, leading, trailing and full-width spaces are removed", "  Mark  Marsh "),
        Rule("full_width", "any", "fix", "full-width letters, digits and signs become ordinary ones", "１３８"),
        Rule("invisible", "any", "fix", "control, zero-width and direction characters are removed", "Mark\\u200b"),
        Rule("placeholder", "any", "blank", "a word that says nothing is dropped", "N/A"),
        Rule("formula_cell", "any", "blank", "a spreadsheet formula is dropped", '=HYPERLINK("http://x")'),
        Rule("too_long", "any", "blank", "a short text of more than 500 characters is dropped", "a page pasted into the job title"),
        Rule(
            "scientific_notation",
            "any",
            "blank",
            "a long number that a spreadsheet has rounded is dropped: its digits are lost",
            "1.38E+10",
        ),
        # identity
        Rule("name_missing", "name", "blank", "the customer has no name", ""),
        Rule("name_placeholder", "name", "blank", "filler instead of a name is dropped", "xxx"),
        Rule("name_title", "name", "fix", "a form of address or a degree is taken off", "Dr. Carrie Dalton"),
        Rule("name_nickname", "name", "fix", "a nickname or remark in brackets or quotes is taken off", "Robert (Bob) Smith"),
        Rule("name_signs", "name", "fix", "emoji, stray signs and digits at the end are taken off", "*Anna Weber2*"),
        Rule("name_order", "name", "fix", "the family name is put last", "Smith, John"),
        Rule("name_case", "name", "fix", "a name in capitals or small letters gets its usual case", "JOHN SMITH"),
        Rule("gender_variant", "gender", "fix", "a spelling of a gender becomes its word", "女性"),
        Rule("gender_unreadable", "gender", "blank", "a word that is no gender is dropped", "maybe"),
        Rule("gender_conflict", "gender", "fix", "the gender is kept; a Chinese identity number says another", "female, …0031", marks=True),
        Rule("age_words", "age", "fix", "an age in words or with a unit becomes a number", "forty-one"),
        Rule("age_unreadable", "age", "blank", "a text that is no age is dropped", "adult"),
        Rule("age_impossible", "age", "blank", "an age outside 1 to 120 years is dropped", "212"),
        Rule("age_conflict", "age", "fix", "the age follows the birth date when they differ by more than a year", "age 30, born 1960"),
        Rule("birth_date_invalid", "birth_date", "blank", "a date that does not exist or cannot be read is dropped", "19990231"),
        Rule("birth_date_impossible", "birth_date", "blank", "a birth before 1850 or in the future is dropped", "2090-01-01"),
        Rule("birth_date_default", "birth_date", "blank", "a date that programs write for an unknown one is dropped", "1900-01-01"),
        Rule(
            "birth_date_conflict",
            "birth_date",
            "fix",
            "the birth date is kept; a Chinese identity number says another",
            "1990-03-05, …19491231…",
            marks=True,
        ),
        # contact
        Rule("email_invalid", "emails", "blank", "an address that cannot exist is dropped", "anna@"),
        Rule("email_placeholder", "emails", "blank", "a made-up address is dropped", "test@test.com"),
        Rule("email_mended", "emails", "fix", "a sign that was meant otherwise is set right", "anna (at) example.com"),
        Rule(
            "email_domain_typo",
            "emails",
            "fix",
            "the address is kept; its domain is probably a slip, but a guess could reach a stranger",
            "anna@gamil.com",
            marks=True,
        ),
        Rule("email_role", "emails", "fix", "the address is kept; it is an office's and not a person's", "info@example.com", marks=True),
        Rule("email_disposable", "emails", "fix", "the address is kept; its mailbox lives for minutes", "x7@mailinator.com", marks=True),
        Rule("phone_invalid", "phones", "blank", "a number that no network could assign is dropped", "1380013800"),
        Rule("phone_placeholder", "phones", "blank", "a made-up number is dropped", "000-000-0000"),
        Rule("phone_filler", "phones", "fix", "the number is kept; forms are often filled with it", "138 0013 8000", marks=True),
        Rule("phone_no_region", "phones", "blank", "a national number without a known country is dropped", "415 555 0100"),
        Rule("phone_extension", "phones", "fix", "an extension is taken off", "010-12345678 ext. 12"),
        Rule("city_variant", "city", "fix", "a spelling of a known city becomes its usual one", "NYC"),
        Rule("city_unreadable", "city", "blank", "a city without a letter is dropped", "12345"),
        Rule("province_variant", "province", "fix", "a spelling of a known province becomes its usual one", "广东省"),
        Rule("place_split", "city", "fix", "a province or district in the cell of the city goes to its own field", "北京市朝阳区"),
        Rule("place_case", "city", "fix", "a place in capitals or small letters gets its usual case", "ST JAMES"),
        Rule("country_unknown", "country", "blank", "a word that is no country is dropped", "Atlantis"),
        Rule("postcode_zeros", "postcode", "fix", "zeros that a spreadsheet took off the front are put back", "2134 in the US"),
        Rule("postcode_form", "postcode", "fix", "a British, Canadian or Dutch postcode gets its space", "SW1A1AA"),
        Rule(
            "postcode_invalid",
            "postcode",
            "blank",
            "a postcode without a digit, of more than 12 characters, or not of 6 digits in China is dropped",
            "unknown",
        ),
        Rule(
            "national_id_invalid",
            "national_id",
            "blank",
            "a Chinese identity number that fails its checksum is dropped",
            "110101199003070000",
        ),
        Rule(
            "national_id_old",
            "national_id",
            "fix",
            "a Chinese identity number of 15 digits becomes the one of 18 that replaced it",
            "110105491231002",
        ),
        # work and relationship
        Rule("salutation_title", "job_title", "blank", "a form of address in the place of a job title is dropped", "Mr"),
        Rule("lifecycle_unknown", "lifecycle", "blank", "a word that is no stage of the life cycle is dropped", "purple"),
        Rule("consent_unknown", "consents", "blank", "a word that names no channel is dropped: consent is never guessed", "perhaps"),
        Rule("consent_withdrawn", "consents", "fix", "a consent that another cell of the row withdraws is taken away", "opted out: yes"),
        Rule("opt_out_unreadable", "consents", "fix", "a word that is neither yes nor no counts as an opt-out", "Opt Out: 3 May"),
        Rule("notes_cut", "notes", "fix", "a note is cut after 10,000 characters", "a whole mail thread"),
        # dates and numbers
        Rule("date_invalid", "created_at", "blank", "a date that does not exist or cannot be read is dropped", "2024-02-30"),
        Rule("date_impossible", "created_at", "blank", "a date before 1900 or in the future is dropped", "9999-12-31"),
        Rule("date_ambiguous", "created_at", "fix", "day and month could be swapped; the order set for the source is taken", "03/04/2024"),
        Rule("date_serial", "created_at", "fix", "a spreadsheet's day number becomes a date", "45356"),
        Rule("date_century", "created_at", "fix", "a year of two digits gets its century, never a future one", "05/03/90"),
        Rule("date_default", "created_at", "blank", "a date that programs write for an unknown one is dropped", "1970-01-01"),
        Rule("number_invalid", "revenue", "blank", "a text that is no number is dropped", "12 apples"),
        # the record
        Rule("no_identity", "row", "reject", "nothing is left that could tell who this is", "a name N/A and no contact"),
        Rule("deleted_unreadable", "row", "blank", "a word that is neither yes nor no deletes nobody", "Deleted: maybe"),
        Rule("removal_without_key", "row", "reject", "the row is marked as deleted and does not say which record it is", "Deleted: yes"),
        Rule("cell_count", "row", "reject", "the row has too few or too many cells", "Adriana Stein,44"),
        Rule("malformed", "row", "reject", "the line is not a JSON object", '{"name": "Ada"'),
        Rule("undecodable", "row", "reject", "the row holds bytes that are not of the file's encoding", "M\ufffdller"),
        # rows of orders, tickets and campaign responses
        Rule(
            "refused",
            "row",
            "reject",
            "Elasticsearch does not take the customer",
            "an owner whose name has 40,000 letters",
        ),
        Rule(
            "suppressed",
            "row",
            "reject",
            "the person was erased and is not loaded again; nothing of the row is kept",
            "a row of somebody erased",
        ),
        Rule("customer_missing", "row", "reject", "the row does not say whose it is", "an order with an empty customer id"),
        Rule("customer_unknown", "row", "reject", "no customer has the key that the row gives", "an order of C999, who is in no file"),
        Rule(
            "customer_named", "row", "reject", "the row names its customer, and names are not ids; export the id", "Customer: Jonas Weber"
        ),
        Rule("customer_ambiguous", "row", "reject", "several customers have the key that the row gives", "customer 1 of two systems"),
        Rule("event_empty", "row", "reject", "the row says nothing but whose it is", "a ticket without number, subject and date"),
        Rule("key_reused", "row", "reject", "a row with the same key that is further on, or newer, says something else", "two orders O17"),
        Rule("order_undated", "first_order_at", "reject", "the order has no date that can be read", "Order Date: soon"),
        Rule("order_without_amount", "revenue", "reject", "the order has no amount that can be read", "Amount: on request"),
        Rule("currency_unknown", "revenue", "reject", "the order's currency cannot be told", "Currency: shells"),
        Rule("currency_mixed", "revenue", "reject", "the order is in another currency than most; no rate is made up", "EUR among USD"),
        Rule("order_status_unknown", "order_count", "blank", "a word that is no state of an order is dropped; the order counts", "purple"),
        Rule("category_case", "top_category", "fix", "a category in capitals or small letters gets its usual case", "ELECTRONICS"),
        Rule("ticket_status_unknown", "open_ticket_count", "blank", "a word that is no state is dropped; the closing date tells", "purple"),
        Rule("ticket_priority_unknown", "ticket_count", "blank", "a word that is no priority is dropped", "purple"),
        Rule("ticket_closed_early", "average_resolution_hours", "blank", "a closing before the opening is dropped", "May, closed in March"),
        Rule("ticket_still_open", "average_resolution_hours", "blank", "the closing date of an open ticket is dropped", "reopened"),
        Rule("satisfaction_unreadable", "satisfaction", "blank", "a rating outside 1 to 5 is dropped", "11"),
        Rule("flag_unreadable", "campaigns_opened", "blank", "a word that is no yes, no, number or date is dropped", "perhaps"),
        Rule(
            "campaign_steps", "campaigns_opened", "fix", "who clicked has opened, and who converted has clicked", "opened no, clicked yes"
        ),
    )
}
