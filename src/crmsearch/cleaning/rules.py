"""The table of all cleaning rules: what may be found wrong in a record, and what is then done.

``fix``: the value is mended and kept. ``blank``: the field is left empty, the record stays. ``reject``: the record goes to quarantine.
The run report and the documentation are generated from this table.
"""

from typing import Literal

import msgspec

__all__ = ["RULES", "Rule"]

Severity = Literal["fix", "blank", "reject"]


class Rule(msgspec.Struct, frozen=True):
    """One kind of dirt; ``field`` is a field of the contract, ``any`` for every text, or ``row`` for the record as a whole."""

    code: str
    field: str
    severity: Severity
    action: str
    example: str


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
        # identity
        Rule("name_missing", "name", "blank", "the customer has no name", ""),
        Rule("name_placeholder", "name", "blank", "filler instead of a name is dropped", "xxx"),
        Rule("name_title", "name", "fix", "a form of address or a degree is taken off", "Dr. Carrie Dalton"),
        Rule("name_order", "name", "fix", "the family name is put last", "Smith, John"),
        Rule("name_case", "name", "fix", "a name in capitals or small letters gets its usual case", "JOHN SMITH"),
        Rule("gender_variant", "gender", "fix", "a spelling of a gender becomes its word", "女性"),
        Rule("gender_unreadable", "gender", "blank", "a word that is no gender is dropped", "maybe"),
        Rule("age_words", "age", "fix", "an age in words or with a unit becomes a number", "forty-one"),
        Rule("age_unreadable", "age", "blank", "a text that is no age is dropped", "adult"),
        Rule("age_impossible", "age", "blank", "an age outside 1 to 120 years is dropped", "212"),
        Rule("age_conflict", "age", "fix", "the age follows the birth date when they differ by more than a year", "age 30, born 1960"),
        Rule("birth_date_invalid", "birth_date", "blank", "a date that does not exist or cannot be read is dropped", "19990231"),
        Rule("birth_date_impossible", "birth_date", "blank", "a birth before 1850 or in the future is dropped", "2090-01-01"),
        # contact
        Rule("email_invalid", "emails", "blank", "an address that cannot exist is dropped", "anna@"),
        Rule("email_placeholder", "emails", "blank", "a made-up address is dropped", "test@test.com"),
        Rule("phone_invalid", "phones", "blank", "a number that no network could assign is dropped", "123456"),
        Rule("phone_no_region", "phones", "blank", "a national number without a known country is dropped", "415 555 0100"),
        Rule("phone_extension", "phones", "fix", "an extension is taken off", "010-12345678 ext. 12"),
        Rule("city_variant", "city", "fix", "a spelling of a known city becomes its usual one", "NYC"),
        Rule("city_unreadable", "city", "blank", "a city without a letter is dropped", "12345"),
        Rule("province_variant", "province", "fix", "a spelling of a known province becomes its usual one", "广东省"),
        Rule("place_case", "city", "fix", "a place in capitals or small letters gets its usual case", "ST JAMES"),
        Rule("country_unknown", "country", "blank", "a word that is no country is dropped", "Atlantis"),
        Rule(
            "postcode_invalid", "postcode", "blank", "a postcode without a digit, or of more than 12 characters, is dropped", "unknown st"
        ),
        Rule(
            "national_id_invalid",
            "national_id",
            "blank",
            "a Chinese identity number that fails its checksum is dropped",
            "110101199003070000",
        ),
        # work and relationship
        Rule("salutation_title", "job_title", "blank", "a form of address in the place of a job title is dropped", "Mr"),
        Rule("lifecycle_unknown", "lifecycle", "blank", "a word that is no stage of the life cycle is dropped", "purple"),
        Rule("consent_unknown", "consents", "blank", "a word that names no channel is dropped: consent is never guessed", "perhaps"),
        Rule("notes_cut", "notes", "fix", "a note is cut after 10,000 characters", "a whole mail thread"),
        # dates and numbers
        Rule("date_invalid", "created_at", "blank", "a date that does not exist or cannot be read is dropped", "2024-02-30"),
        Rule("date_impossible", "created_at", "blank", "a date before 1900 or in the future is dropped", "9999-12-31"),
        Rule("date_ambiguous", "created_at", "fix", "day and month could be swapped; the order set for the source is taken", "03/04/2024"),
        Rule("date_serial", "created_at", "fix", "a spreadsheet's day number becomes a date", "45356"),
        Rule("date_century", "created_at", "fix", "a year of two digits gets its century, never a future one", "05/03/90"),
        Rule("number_invalid", "revenue", "blank", "a text that is no number is dropped", "12 apples"),
        # the record
        Rule("no_identity", "row", "reject", "nothing is left that could tell who this is", "a name N/A and no contact"),
        Rule("cell_count", "row", "reject", "the row has too few or too many cells", "Adriana Stein,44"),
        Rule("malformed", "row", "reject", "the line is not a JSON object", '{"name": "Ada"'),
        Rule("undecodable", "row", "reject", "the row holds bytes that are not of the file's encoding", "M\ufffdller"),
    )
}
