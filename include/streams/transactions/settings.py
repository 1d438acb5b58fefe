"""The fraud rules' parameters, as the environment may set them: ``CALI_FRAUD_<FIELD>``."""

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from include.settings import from_environment

Seconds = Annotated[int, Field(ge=1, le=86_400)]
Factor = Annotated[float, Field(gt=1, le=1_000_000)]
Hour = Annotated[float, Field(ge=0, le=24)]


class FraudSettings(BaseModel):
    """What the rules take for suspicious.

    Attributes:
        history_rows: transactions of a card before the one that is judged, at most.
        history_days: how far back those may lie.
        habit_rows: from so many transactions on a card has a habit.
        velocity_count: transactions within ``velocity_s``, the judged one among them, that nobody makes by hand.
        velocity_s: their span, in seconds.
        amount_factor: times the card's median in that currency.
        amount_peak_factor: times the largest amount in its history.
        travel_kmh: faster than an airliner, border to border.
        night_from: when people sleep, by the sun where the card is at home, in hours.
        night_to: until when.
        night_count: transactions in a night's ``night_span_s`` that are a burst.
        night_span_s: its span, in seconds.
        night_share: share of nightly ones in the card's history from which on it is a night owl's.
        test_share: an amount that is at most this share of the card's median may be a test.
        test_factor: an amount that is at least so many times the median may be what was tested for.
        test_span_s: how long after the test, in seconds.
        ring_merchants: different online merchants that charge the same amount.
        ring_span_s: within so many seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    history_rows: Annotated[int, Field(ge=10, le=200)] = 20
    history_days: Annotated[int, Field(ge=1, le=90)] = 7
    habit_rows: Annotated[int, Field(ge=3, le=100)] = 5
    velocity_count: Annotated[int, Field(ge=3, le=100)] = 6
    velocity_s: Seconds = 60
    amount_factor: Factor = 10
    amount_peak_factor: Factor = 2
    travel_kmh: Annotated[float, Field(ge=100, le=10_000)] = 1_000
    night_from: Hour = 1
    night_to: Hour = 5
    night_count: Annotated[int, Field(ge=2, le=100)] = 4
    night_span_s: Seconds = 1_800
    night_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    test_factor: Factor = 5
    test_span_s: Seconds = 900
    ring_merchants: Annotated[int, Field(ge=2, le=100)] = 4
    ring_span_s: Seconds = 1_800


def fraud_settings(environment: Mapping[str, str] = os.environ) -> FraudSettings:
    """Return the rules' parameters.

    Raises:
        ConfigurationError: a variable has a value that is not allowed; the message names both.
    """
    names = {field: f"CALI_FRAUD_{field}".upper() for field in FraudSettings.model_fields}
    given = {field: name for field, name in names.items() if environment.get(name)}
    return from_environment(FraudSettings, given, environment)
