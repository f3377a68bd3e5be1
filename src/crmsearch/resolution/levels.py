"""Comparison levels: how much each way of agreeing or differing says, as a table.

A pair is one of three: records of the same person, of two people who belong together (a household, colleagues), or of two strangers. Each
level has its probability under the three. The middle one is what keeps a family apart: surname, address, landline and mailbox agree all at
once among people who live together, so their agreement weighs against strangers and hardly against relatives. After Fellegi and Sunter,
"A theory for record linkage" (1969); frequencies of values as in Winkler, "Frequency-based matching" (2000).
"""

import msgspec

__all__ = ["LEVELS", "Level"]


class Level(msgspec.Struct, frozen=True):
    """One row of the table.

    Attributes:
        field: what is compared.
        name: how it compares.
        same: probability among records of the same person.
        related: among records of two people who belong together.
        stranger: among records of two strangers; where ``frequency`` is set, the least that it can be.
        frequency: the level means that a value agrees, which strangers do as often as the value is frequent.
        reason: words for the lineage of a merged customer; empty where the level is no reason to merge.
    """

    field: str
    name: str
    same: float
    related: float
    stranger: float
    frequency: bool = False
    reason: str = ""


_ROWS = (
    Level("given", "same", 0.76, 0.004, 0.0005, True, "same given name"),
    Level("given", "sound", 0.05, 0.002, 0.0005, True, "same sound of the given name"),
    Level("given", "short", 0.03, 0.001, 0.0005, False, "short form of the given name"),
    Level("given", "initial", 0.04, 0.004, 0.003, False, "initial of the given name"),
    Level("given", "part", 0.03, 0.02, 0.0015, False, "part of the given name"),
    Level("given", "similar", 0.07, 0.004, 0.0015, False, "similar given name"),
    Level("given", "distant", 0.015, 0.012, 0.006, False, "distantly similar given name"),
    Level("given", "differs", 0.005, 0.953, 0.98, False),
    Level("family", "same", 0.83, 0.72, 0.0005, True, "same family name"),
    Level("family", "sound", 0.04, 0.02, 0.0005, True, "same sound of the family name"),
    Level("family", "part", 0.01, 0.01, 0.0005, False, "part of the family name"),
    Level("family", "similar", 0.08, 0.01, 0.0008, False, "similar family name"),
    Level("family", "differs", 0.04, 0.24, 0.98, False),
    Level("name", "swapped", 0.02, 0.0002, 0.00002, False, "given and family name swapped"),
    Level("generation", "one", 0.25, 0.5, 0.03, False),
    Level("generation", "differs", 0.02, 0.5, 0.03, False),
    Level("birth date", "same", 0.88, 0.003, 0.00005, True, "same birth date"),
    Level("birth date", "turned", 0.015, 0.0001, 0.00005, False, "birth date with day and month swapped"),
    Level("birth date", "similar", 0.055, 0.002, 0.0015, False, "similar birth date"),
    Level("birth date", "two parts", 0.015, 0.005, 0.0035, False, "two parts of the birth date"),
    Level("birth date", "differs", 0.025, 0.48, 0.6, False),
    Level("birth date", "generation", 0.01, 0.5, 0.45, False),
    Level("age", "same", 0.9, 0.06, 0.05, False, "same age"),
    Level("age", "near", 0.07, 0.1, 0.08, False),
    Level("age", "differs", 0.025, 0.4, 0.45, False),
    Level("age", "generation", 0.005, 0.44, 0.42, False),
    Level("gender", "same", 0.985, 0.4, 0.5, False),
    Level("gender", "differs", 0.015, 0.6, 0.5, False),
    Level("national id", "same", 0.83, 0.000002, 0.000001, True, "same national id"),
    Level("national id", "similar", 0.1, 0.0003, 0.00002, False, "similar national id"),
    Level("national id", "differs", 0.07, 0.97, 0.98, False),
    Level("e-mail", "same", 0.71, 0.08, 0.000001, True, "same e-mail"),
    Level("e-mail", "similar", 0.13, 0.005, 0.0003, False, "similar e-mail"),
    Level("e-mail", "differs", 0.16, 0.91, 0.99, False),
    Level("phone", "two", 0.25, 0.03, 0.000001, True, "two phones the same"),
    Level("phone", "same", 0.45, 0.1, 0.000001, True, "same phone"),
    Level("phone", "landline", 0.1, 0.4, 0.000001, True, "same landline"),
    Level("phone", "similar", 0.07, 0.01, 0.0001, False, "similar phone"),
    Level("phone", "differs", 0.13, 0.46, 0.99, False),
    Level("place", "same address", 0.65, 0.75, 0.00002, False, "same address"),
    Level("place", "similar address", 0.15, 0.03, 0.0001, False, "similar address"),
    Level("place", "same postcode", 0.06, 0.05, 0.001, True, "same postcode"),
    Level("place", "same city", 0.09, 0.07, 0.002, True, "same city"),
    Level("place", "elsewhere", 0.05, 0.08, 0.9, False),
    Level("postcode", "same", 0.86, 0.85, 0.001, True, "same postcode"),
    Level("postcode", "same city", 0.09, 0.1, 0.002, True, "same city"),
    Level("postcode", "elsewhere", 0.05, 0.05, 0.8, False),
    Level("city", "same", 0.93, 0.93, 0.002, True, "same city"),
    Level("city", "elsewhere", 0.07, 0.07, 0.8, False),
    Level("company", "same", 0.75, 0.3, 0.0005, True, "same company"),
    Level("company", "similar", 0.12, 0.02, 0.003, False, "similar company"),
    Level("company", "differs", 0.13, 0.68, 0.95, False),
    Level("account", "same", 0.85, 0.015, 0.0005, True, "same company name"),
    Level("account", "similar", 0.13, 0.3, 0.002, False, "similar company name"),
    Level("account", "differs", 0.02, 0.6, 0.99, False),
    Level("site", "same address", 0.74, 0.05, 0.0001, False, "same address"),
    Level("site", "similar address", 0.12, 0.03, 0.0004, False, "similar address"),
    Level("site", "same postcode", 0.05, 0.05, 0.001, True, "same postcode"),
    Level("site", "same city", 0.05, 0.3, 0.002, True, "same city"),
    Level("site", "elsewhere", 0.04, 0.57, 0.8, False),
    Level("domain", "same", 0.6, 0.6, 0.0005, True, "same e-mail domain"),
)

LEVELS: dict[tuple[str, str], Level] = {(row.field, row.name): row for row in _ROWS}
"""Field and level -> row, in the order of the documentation. A pair that does not know a field says nothing by it."""
