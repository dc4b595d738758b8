"""What admins do to people, in order. What follows at the gateway is done by the sweep, as after Django's admin."""

from people.services.accounts import activate, deactivate, sign_out_everywhere, tell_about_key
from people.services.bulk import (
    MAX_PEOPLE,
    MAX_STAYS,
    BulkAct,
    Chosen,
    StaysChanged,
    add_to_group,
    choose,
    deactivate_people,
    set_ends_of_stay,
)
from people.services.invite import (
    InvitationQuotaExceeded,
    Outcome,
    Planned,
    invite_people,
    plan_invitations,
)

__all__ = [
    "MAX_PEOPLE",
    "MAX_STAYS",
    "BulkAct",
    "Chosen",
    "StaysChanged",
    "add_to_group",
    "choose",
    "deactivate_people",
    "set_ends_of_stay",
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
