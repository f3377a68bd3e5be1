"""A made-up customer base in which some things hang together and others do not, for tests of segments and insights."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

Source = dict[str, Any]
TODAY = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
CITIES = {"北京": "CN", "上海": "CN", "Berlin": "DE", "Hamburg": "DE", "New York": "US", "Boston": "US"}
INDUSTRIES = ("retail", "banking", "health", "energy")
CATEGORIES = ("books", "garden", "music", "sport")
CHANNELS = ("email", "sms", "phone", "marketing")


def _when(days: int, seconds: int = 0) -> str:
    moment = TODAY.replace(hour=0, minute=0) - timedelta(days=days) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def make_population(size: int, seed: int = 1) -> Iterator[Source]:
    """Customers of whom women and Berliners buy more, bankers like books, owner C answers late, and the rest is chance.

    One in eight has a rare tag that goes with the health industry; a third has never ordered; some have one value of a field, or none.
    """
    random = np.random.default_rng(seed)
    cities = list(CITIES)
    for number in range(size):
        gender = str(random.choice(["female", "male", "unknown"], p=[0.48, 0.47, 0.05]))
        city, industry = str(random.choice(cities)), str(random.choice(INDUSTRIES))
        customer: Source = {
            "customer_id": f"P{number:07}",
            "name": f"Person {number}",
            "gender": gender,
            "kind": "person",
            "age": int(random.integers(18, 90)),
            "city": city,
            "country": CITIES[city],
            "industry": industry,
            "lifecycle": str(random.choice(["lead", "prospect", "customer", "churned"])),
            "owner": str(random.choice(["A", "B", "C", "D"])),
            "source_system": str(random.choice(["generic", "zoho"])),
            "created_at": _when(int(random.integers(0, 900)), int(random.integers(0, 86_400))),
            "run_id": "r1",
        }
        if random.random() < 0.1:
            del customer["age"]
        tags = [f"tag{each}" for each in range(3) if random.random() < 0.2]
        if industry == "health" and random.random() < 0.5:
            tags.append("clinic")
        consents = [each for each in CHANNELS if random.random() < 0.3]
        customer |= ({"tags": tags} if tags else {}) | ({"consents": consents} if consents else {})
        if random.random() < 0.67:
            customer |= _orders(random, gender, city, industry)
        if random.random() < 0.5:
            customer |= _tickets(random, customer["owner"])
        if random.random() < 0.8:
            customer |= _campaigns(random, city)
        yield customer


def _orders(random: np.random.Generator, gender: str, city: str, industry: str) -> Source:
    orders, recency = int(random.integers(1, 12)), int(random.integers(0, 700))
    scale = (1.6 if gender == "female" else 1.0) * (1.5 if city == "Berlin" else 1.0)
    category = "books" if industry == "banking" and random.random() < 0.5 else str(random.choice(CATEGORIES))
    return {
        "order_count": orders,
        "revenue": round(float(random.gamma(2.0, 150.0)) * scale, 2),
        "recency_days": recency,
        "last_order_at": _when(recency),
        "top_category": category,
        "rfm_segment": str(random.choice(["champions", "loyal", "at risk", "lost"])),
        "rfm_monetary": int(random.integers(1, 6)),
        "churn_risk": round(float(random.random()), 4),
    }


def _tickets(random: np.random.Generator, owner: str) -> Source:
    tickets = int(random.integers(1, 6))
    slow = 2.0 if owner == "C" else 1.0
    found: Source = {
        "ticket_count": tickets,
        "open_ticket_count": int(random.binomial(tickets, 0.25 if owner == "C" else 0.1)),
        "average_resolution_hours": round(float(random.gamma(2.0, 20.0)) * slow, 2),
    }
    if random.random() < 0.7:
        found["satisfaction"] = round(float(np.clip(random.normal(3.2 if owner == "C" else 4.0, 0.7), 1, 5)), 2)
    return found


def _campaigns(random: np.random.Generator, city: str) -> Source:
    sent = int(random.integers(1, 9))
    # Everyone has a rate of their own, so that the responses of one customer are alike.
    opened = int(random.binomial(sent, float(random.beta(2, 4 if city != "上海" else 2))))
    clicked = int(random.binomial(opened, 0.4))
    return {
        "campaigns_sent": sent,
        "campaigns_opened": opened,
        "campaigns_clicked": clicked,
        "campaigns_converted": int(random.binomial(clicked, 0.3)),
        "last_campaign": str(random.choice(["spring", "autumn"])),
    }
