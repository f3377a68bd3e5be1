"""What customers did: their orders, their tickets and their answers to campaigns."""

from collections.abc import Iterator, Sequence

from crmsearch.sample.draw import LOG_NORMAL, Random, between, chance, deck, pick
from crmsearch.sample.people import Person
from crmsearch.sample.records import stamp
from crmsearch.sample.wording import CAMPAIGNS, CATEGORIES, CHANNELS, SUBJECTS

__all__ = ["CAMPAIGN_HEADER", "ORDER_HEADER", "TICKET_HEADER", "campaigns_of", "orders_of", "tickets_of"]

ORDER_HEADER = ("Order ID", "Customer ID", "Order Date", "Amount", "Category", "Channel")
TICKET_HEADER = ("Ticket ID", "Customer ID", "Subject", "Priority", "Status", "Opened", "Closed", "Satisfaction")
CAMPAIGN_HEADER = ("Response ID", "Customer ID", "Campaign", "Channel", "Sent", "Opened", "Clicked", "Converted")

_CATEGORIES = deck({category: weight for category, (weight, _) in CATEGORIES.items()})
_FAVOURITE = 0.5  # of the orders of a customer are of one category
_TICKET_COUNTS = deck({0: 720, 1: 170, 2: 60, 3: 25, 4: 12, 6: 8, 10: 4, 20: 1})  # mean 0.5
_PRIORITIES = deck({"low": 3, "normal": 5, "high": 2})
_HOURS = {"low": 40.0, "normal": 22.0, "high": 7.0}  # median time to close a ticket
_RATED = 0.6  # of the closed tickets
_OPEN_DAYS = 20  # a ticket this young may still be open
_FORGOTTEN = 0.02  # of the older ones were never closed
_CAMPAIGN_COUNTS = deck({0: 18, 1: 16, 2: 16, 3: 14, 4: 11, 5: 9, 6: 7, 8: 5, 12: 3, 20: 1})
_CAMPAIGN_CHANNELS = deck({"email": 7, "sms": 2, "phone": 1})
_CAMPAIGN_STEPS = (1, 5, 7, 11)  # without a common divisor with the number of campaigns, so that none comes twice
_CAMPAIGN_DAYS = 15  # from one campaign to the next
_OPENS, _CLICKS, _CONVERTS = 0.42, 0.28, 0.2  # each of those who did the step before
_FLAGS = ("false", "true")

Rows = list[tuple[str, ...]]


def orders_of(rng: Random, person: Person, ids: Sequence[str], today: int, serial: Iterator[int]) -> Rows:
    """The orders of a person, each under one of their record ids."""
    favourite = pick(rng, _CATEGORIES)
    last_day = min(person.until, today)
    rows: Rows = []
    for _ in range(person.orders):
        category = favourite if chance(rng, _FAVOURITE) else pick(rng, _CATEGORIES)
        amount = max(1.0, CATEGORIES[category][1] * person.means * pick(rng, LOG_NORMAL) * (0.95 + 0.1 * rng.random()))
        moment = stamp(rng, between(rng, person.since, last_day))
        rows.append((f"O{next(serial):09}", pick(rng, ids), moment, f"{amount:.2f}", category, pick(rng, CHANNELS)))
    return rows


def tickets_of(rng: Random, person: Person, ids: Sequence[str], today: int, serial: Iterator[int]) -> Rows:
    """The tickets of a person: the longer one took, the less it pleased."""
    subjects = SUBJECTS[person.city.country.language]
    rows: Rows = []
    for _ in range(pick(rng, _TICKET_COUNTS)):
        priority = pick(rng, _PRIORITIES)
        day = between(rng, person.since, person.until)
        opened = stamp(rng, day)
        slowness = pick(rng, LOG_NORMAL)
        # Closed at another time of day, so that the hours are not all multiples of 24.
        closing_day = day + 1 + int(_HOURS[priority] * slowness / 24)
        is_open = closing_day > today or chance(rng, 0.5 if today - day < _OPEN_DAYS else _FORGOTTEN)
        rating = min(5, max(1, round(5.2 - slowness + 1.6 * (rng.random() - 0.5)))) if not is_open and chance(rng, _RATED) else ""
        closed = "" if is_open else stamp(rng, closing_day)
        status = "open" if is_open else "closed"
        rows.append((f"T{next(serial):09}", pick(rng, ids), pick(rng, subjects), priority, status, opened, closed, str(rating)))
    return rows


def campaigns_of(rng: Random, person: Person, ids: Sequence[str], today: int, serial: Iterator[int]) -> Rows:
    """The campaigns sent to a person since they came, with what they did in answer: each step only after the one before."""
    campaign, step = between(rng, 0, len(CAMPAIGNS) - 1), pick(rng, _CAMPAIGN_STEPS)
    rows: Rows = []
    for _ in range(pick(rng, _CAMPAIGN_COUNTS)):
        campaign = (campaign + step) % len(CAMPAIGNS)
        day = today - 1 - _CAMPAIGN_DAYS * campaign
        if day < person.since:
            continue
        opened = chance(rng, _OPENS)
        clicked = opened and chance(rng, _CLICKS)
        converted = clicked and chance(rng, _CONVERTS)
        rows.append(
            (
                f"R{next(serial):09}",
                pick(rng, ids),
                CAMPAIGNS[campaign],
                pick(rng, _CAMPAIGN_CHANNELS),
                stamp(rng, day),
                _FLAGS[opened],
                _FLAGS[clicked],
                _FLAGS[converted],
            )
        )
    return rows
