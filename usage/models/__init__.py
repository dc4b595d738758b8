"""Usage as rows: facts as last reported by the gateway, rollups of them, and the state of the polling.

services/refresh.py and services/rollups.py write facts and rollups, in one transaction for each day.
"""

from usage.models.facts import (
    COLOURS,
    MEASURES,
    MODEL_LENGTH,
    TOKEN_LENGTH,
    CostCentre,
    Fact,
    Measures,
    TokenRef,
    UsedModel,
    utc_today,
)
from usage.models.hours import HourFailure, KeyHour
from usage.models.notices import Notice, UnusualSpend
from usage.models.polling import Anomaly, Discrepancy, PollRun, Reconciliation, UsageState
from usage.models.rates import ExchangeRate
from usage.models.rollups import (
    ALL_CENTRES,
    ALL_MODELS,
    CountedMember,
    DayCostCentre,
    DayGroup,
    DayModel,
    DayPerson,
    DaySet,
    DayToken,
    ModelGrowth,
    WeekToken,
)
from usage.models.saved_views import SavedView

__all__ = [
    "ALL_CENTRES",
    "ALL_MODELS",
    "COLOURS",
    "MEASURES",
    "MODEL_LENGTH",
    "TOKEN_LENGTH",
    "Anomaly",
    "CostCentre",
    "CountedMember",
    "DayCostCentre",
    "DayGroup",
    "DayModel",
    "DayPerson",
    "DaySet",
    "DayToken",
    "Discrepancy",
    "ExchangeRate",
    "Fact",
    "HourFailure",
    "KeyHour",
    "Measures",
    "ModelGrowth",
    "Notice",
    "PollRun",
    "Reconciliation",
    "SavedView",
    "TokenRef",
    "UnusualSpend",
    "UsageState",
    "UsedModel",
    "WeekToken",
    "utc_today",
]
