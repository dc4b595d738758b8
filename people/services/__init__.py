"""Actions of admins on people. The sweep applies them at the gateway, as it does after Django's admin."""

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
from people.services.key_bulk import (
    MAX_KEYS,
    MAX_REMINDED,
    ChosenKey,
    KeyAct,
    KeysActed,
    act_on_keys,
    choose_keys,
    remind_of_keys,
)

__all__ = [
    "MAX_KEYS",
    "MAX_PEOPLE",
    "MAX_REMINDED",
    "MAX_STAYS",
    "BulkAct",
    "Chosen",
    "ChosenKey",
    "KeyAct",
    "KeysActed",
    "act_on_keys",
    "StaysChanged",
    "add_to_group",
    "choose",
    "choose_keys",
    "remind_of_keys",
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
