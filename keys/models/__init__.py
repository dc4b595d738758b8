"""Keys, the interns who use them, and the state of the gateway, as rows."""

from keys.models.budgets import PersonBudget, PersonBudgetQuerySet
from keys.models.gateway import AdminAlert, GatewayIdentity, GatewayModel, GatewayState, Heartbeat, TaskRun
from keys.models.interns import Intern, InternQuerySet
from keys.models.keys import Key, KeyQuerySet, Token, TokenQuerySet
from keys.models.leaks import LeakNotice, LeakReport
from keys.models.leaves import LeaveMail, SupervisorLeave
from keys.models.limit_changes import LimitChange, LimitChangeQuerySet
from keys.models.names import ALIAS_PREFIX, new_alias
from keys.models.overrides import LimitOverride
from keys.models.owners import FormerOwner
from keys.models.reminders import Reminder, ReminderMail, RequestedReminder
from keys.models.teams import Team, TeamQuerySet
from keys.models.unowned import GivenKey, KeyGift, UnownedKey, UnownedKeyQuerySet

__all__ = [
    "ALIAS_PREFIX",
    "AdminAlert",
    "FormerOwner",
    "GatewayIdentity",
    "GatewayModel",
    "GatewayState",
    "GivenKey",
    "Heartbeat",
    "Intern",
    "InternQuerySet",
    "Key",
    "KeyGift",
    "KeyQuerySet",
    "LeakNotice",
    "LeakReport",
    "LeaveMail",
    "LimitChange",
    "LimitChangeQuerySet",
    "LimitOverride",
    "PersonBudget",
    "PersonBudgetQuerySet",
    "Reminder",
    "ReminderMail",
    "RequestedReminder",
    "SupervisorLeave",
    "TaskRun",
    "Team",
    "TeamQuerySet",
    "Token",
    "TokenQuerySet",
    "UnownedKey",
    "UnownedKeyQuerySet",
    "new_alias",
]
