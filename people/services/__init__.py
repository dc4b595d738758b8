"""What admins do to people, in order. What follows at the gateway is done by the sweep, as after Django's admin."""

from people.services.accounts import activate, deactivate, sign_out_everywhere, tell_about_key
from people.services.invite import (
    InvitationQuotaExceeded,
    Outcome,
    Planned,
    invite_people,
    plan_invitations,
)

__all__ = [
    "InvitationQuotaExceeded",
    "Outcome",
    "Planned",
    "activate",
    "deactivate",
    "invite_people",
    "plan_invitations",
    "sign_out_everywhere",
    "tell_about_key",
]
