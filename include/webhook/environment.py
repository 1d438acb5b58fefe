"""The webhook's settings that the environment holds."""

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field

from include.settings import from_environment
from include.webhook.outbox import LEASE
from include.webhook.receiver import TIMEOUT_S

VARIABLE = "CALI_WEBHOOK_TIMEOUT_S"


class _Variables(BaseModel):
    # A sender's lease outlasts it.
    timeout_s: Annotated[float, Field(gt=0, le=LEASE.total_seconds() / 2)] = TIMEOUT_S


def webhook_timeout_s(environment: Mapping[str, str] = os.environ) -> float:
    """Return how long a receiver may take to answer, in seconds.

    Raises:
        ConfigurationError: the variable has a value that is not allowed; the message names both.
    """
    given = {"timeout_s": VARIABLE} if environment.get(VARIABLE) else {}
    return from_environment(_Variables, given, environment).timeout_s
