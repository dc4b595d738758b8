"""Rules of ours that forbid an action, in words for the person, with what to do."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.audit_words import Words, add_words, words_of
from keys.status import group_budget_values, group_used_up, promises_while
from web.commands import command
from web.templatetags.portal import moment


class KeyRefused(Exception):
    """A rule of the policy or of a key's life cycle forbids this; nothing has changed.

    `reason` is one of REASONS, and `details` the values of its sentence, as JSON values. `code`, for programs, is
    the part of the reason before the dot.
    """

    def __init__(self, reason: str, **details: Any) -> None:
        super().__init__(words_of(PREFIX + reason, details))
        self.reason, self.details = reason, details

    @property
    def for_admin(self) -> str:
        """The sentence for an admin who acts on somebody's key; most reasons need no other."""
        words = FOR_ADMINS.get(self.reason)
        if words is None:
            return str(self)
        return words(self.details) if callable(words) else str(words) % self.details

    @property
    def code(self) -> str:
        """The rule, without its variant."""
        return self.reason.partition(".")[0]


PREFIX: Final = "refused."  # of the codes in the trail


def _limit(values: Mapping[str, Any]) -> str:
    words = ngettext(
        "You have %(live)d key, and may have %(most)d. Delete it when you no longer use it.",
        "You have %(live)d keys, and %(most)d are allowed. Delete one that you no longer use.",
        values["live"],
    )
    return words % values


def _limit_at_renewal(values: Mapping[str, Any]) -> str:
    words = ngettext(
        "You have %(live)d key, and your policy allows %(most)d now. Delete one, or contact the administrators.",
        "You have %(live)d keys, and your policy allows %(most)d now. Delete one, or contact the administrators.",
        values["live"],
    )
    return words % values


def _limit_of_kind(values: Mapping[str, Any]) -> str:
    words = ngettext(
        "You have %(live)d key of this kind, and may have %(most)d. Delete it when you no longer use it.",
        "You have %(live)d keys of this kind, and %(most)d are allowed. Delete one that you no longer use.",
        values["live"],
    )
    return words % values


def _limit_of_kind_at_renewal(values: Mapping[str, Any]) -> str:
    words = ngettext(
        "You have %(live)d key of this kind, and your policy allows %(most)d now. Delete one, or contact the "
        "administrators.",
        "You have %(live)d keys of this kind, and your policy allows %(most)d now. Delete one, or contact the "
        "administrators.",
        values["live"],
    )
    return words % values


def _over(values: Mapping[str, Any]) -> str:
    words = gettext("Under your policy, all keys of this kind expired on %(when)s. Contact the administrators.")
    return words % {"when": moment(datetime.fromisoformat(values["when"]))}


def _over_at_renewal(values: Mapping[str, Any]) -> str:
    words = gettext("Under your policy, all keys of this kind expire on %(when)s, so a renewal would change nothing.")
    return words % {"when": moment(datetime.fromisoformat(values["when"]))}


def _hourly(values: Mapping[str, Any]) -> str:
    words = ngettext(
        "You can do this %(limit)d time an hour. Nothing was changed. You can do it again in %(minutes)d min.",
        "You can do this %(limit)d times an hour. Nothing was changed. You can do it again in %(minutes)d min.",
        values["limit"],
    )
    return words % values


def _under_way(values: Mapping[str, Any]) -> str:
    words = gettext(
        "This form was already sent, and the gateway has not answered yet. The list will show the result %(soon)s."
    )
    return words % promises_while(stopped=values["stopped"])


def _too_early(values: Mapping[str, Any]) -> str:
    when = moment(datetime.fromisoformat(values["when"])) if values["when"] else "–"
    return gettext("This key can be renewed from %(when)s.") % {"when": when}


def _lifetime(values: Mapping[str, Any]) -> str:
    words = gettext(
        "This version of the gateway gives keys a different lifetime from the one requested. Nothing was created."
    )
    advice = gettext("Contact the administrators: “%(command)s” says more.") % {"command": command("check_gateway")}
    return f"{words} {advice}"


def _custom_keys(values: Mapping[str, Any]) -> str:
    words = gettext("The gateway does not let the portal choose a key’s secret, and the Playground needs that.")
    return words + " " + gettext("Contact the administrators: custom keys must be allowed at the gateway.")


def _limit_at_handover(values: Mapping[str, Any]) -> str:
    words = ngettext(
        "This person would have %(live)d key, and may have %(most)d. Delete keys first, or choose somebody else.",
        "This person would have %(live)d keys, and may have %(most)d. Delete keys first, or choose somebody else.",
        values["live"],
    )
    return words % values


def _own_end(values: Mapping[str, Any]) -> str:
    words = gettext("An end was set for this key: %(when)s. A renewal cannot change it.")
    return words % {"when": moment(datetime.fromisoformat(values["when"]))}


def _end_of_supervisor(values: Mapping[str, Any]) -> str:
    words = gettext("You have set the end of this key: %(when)s. Remove it under “Change the limits”, then renew.")
    return words % {"when": moment(datetime.fromisoformat(values["when"]))}


def _group_used_up(values: Mapping[str, Any]) -> str:
    return group_used_up(values["group"], date.fromisoformat(values["first_day"]))


REASONS: Final[dict[str, Words]] = {
    "being_made": _("Your Playground key is being made or changed. Try again in two minutes."),
    "blocked": _("This key is blocked at the gateway. Contact the administrators."),
    "blocked.budget": _("Its owner’s budget is used up. It works again when the budget resets."),
    "blocked.already": _("This key is blocked already."),
    "blocked.by_admin": _("An administrator has blocked this key. Only they can unblock it."),
    "blocked.course": _(
        "Your teacher or an administrator has blocked this key, so you cannot delete it. Contact them."
    ),
    "blocked.not": _("This key is not blocked."),
    "blocked.owner": _("The account of its owner is not active: activate the account first."),
    "blocked.playground": _("Your Playground key is blocked at the gateway. Contact the administrators."),
    "blocked.playground_paused": _("Your Playground key is paused. Resume it in My keys."),
    "blocked.team_playground": _(
        "Your key of this course is blocked, so the course does not pay for the Playground either. "
        "Contact your teacher."
    ),
    "budget": _("Your budget for all your keys together is used up. It works again when the budget resets."),
    "budget.group": _group_used_up,
    "busy": _("This key is being changed. Try again in a minute."),
    "custom_keys_forbidden": _custom_keys,
    "expired": _("This key has expired. Renew it first."),
    "expired.leaked": _("This key has expired, so nobody can use it. Delete it, and create another."),
    "gone": _("This key was deleted at the gateway. Create a new one."),
    "grant.ended": _("This grant is over already."),
    "grant.inactive": _("The account is not active: activate it first."),
    "grant.no_limit": _("There is no limit that could be raised: no budget is set for this person or their keys."),
    "grant.over": _("This day is over. Choose a later one."),
    "grant.repeated": _("This form was sent twice. The amount was given once."),
    "handover.changed": _("The supervisor has just changed. Reload the page."),
    "handover.issuing": _("A key for this intern is still being created. Try again in a minute."),
    "handover.known_email": _("This person has an intern with this e-mail address already."),
    "handover.known_name": _("This person has an intern of this name already. Add the intern’s e-mail address first."),
    "handover.limit": _limit_at_handover,
    "handover.not_allowed": _("This person may not have interns. Choose somebody else."),
    "handover.same": _("This person is the intern’s supervisor already."),
    "handover.themselves": _("Nobody can be their own supervisor. Choose somebody else."),
    "hourly": _hourly,
    "intern": _("You may not create keys for others. Leave the intern’s name empty."),
    "intern.none": _("Your policy does not include interns. Contact the administrators."),
    "intern_gone": _("This intern is no longer in your list. Choose another."),
    "intern_known": _("You have an intern of this name. Choose them from the list, or add their e-mail address."),
    "intern_known.email": _("You have an intern with this e-mail address. Choose them from the list."),
    "intern_taken": _("Another intern of the same supervisor has this name. Add an e-mail address to tell them apart."),
    "intern_taken.email": _("Another intern of the same supervisor has this e-mail address."),
    "intern.renewal": _("Your policy no longer includes keys for interns. Contact the administrators."),
    "kind": _("Your policy does not include personal keys. Create a temporary key."),
    "label": _("You have a key with this label. Choose another."),
    "lifetime": _lifetime,
    "limit": _limit,
    "limits.beyond": _("Nothing changed: this is more than your policy gives such a key."),
    "limits.by_admin": _("An administrator has set limits for this key. Ask the administrators to change them."),
    "limits.kind": _("Limits can be set for personal and temporary keys only."),
    "limits.changed": _(
        "Nothing changed: the limits of this key, or those of its owner’s policy, have changed since the page was "
        "opened. Open it again."
    ),
    "limits.same": _("Nothing changed: the key has these limits already."),
    "limit.kind": _limit_of_kind,
    "limit.kind_at_renewal": _limit_of_kind_at_renewal,
    "limit.renewal": _limit_at_renewal,
    "models": _("Your policy allows no model, so a key could not call any. Contact the administrators."),
    "models.playground": _("Your policy allows no model in the Playground. Contact the administrators."),
    "no_old": _("The old secret has already ended."),
    "over": _over,
    "own_end": _own_end,
    "own_end.supervisor": _end_of_supervisor,
    "over.renewal": _over_at_renewal,
    "overtaken": _("The gateway took too long. The key was deleted before anybody saw it; create another."),
    "overtaken.replacement": _("The key changed in the meantime. The new secret was deleted before anybody saw it."),
    "paused.already": _("This key is paused already."),
    "paused.blocked": _("This key is blocked, so it does not work anyway."),
    "paused.not": _("This key is not paused."),
    "paused.replacement": _("This key is paused, so nobody can use it. Resume it first, or delete it."),
    "playground": _("Your policy does not include the Playground. Contact the administrators."),
    "repeated": _(
        "This form was sent twice. Only one key was created; its secret was in the first answer. If you lost it, "
        "replace the secret."
    ),
    "replacing": _("The last replacement is not finished. End the old secret first, or wait a few minutes."),
    "state.deleted": _("This key is already deleted."),
    "state.issuing": _("This key is still being created. Try again in a minute."),
    "state.replacement": _("The secret of this key cannot be replaced now."),
    "state.unused": _("This key is no longer in use."),
    "stay_over": _("The stay of this intern has ended. Change the end of the stay, or delete the key."),
    "stay_over.renewal": _(
        "This key expires at the end of the intern’s stay. To keep it longer, change the end of the stay."
    ),
    "team.ended": _("This course has ended."),
    "team.frozen": _("This course is frozen. Its keys work again when a teacher ends the freeze."),
    "team.known": _("You have a key for this course already. If you lost its secret, replace it."),
    "team.none": _("The gateway has no teams, and courses need them. Contact the administrators."),
    "team.playground": _("This course has no budget for the Playground."),
    "team.renewal": _("A key of a course expires with the course. A teacher can set a later end for all."),
    "terms": _("Accept the terms of use first. Nothing was created."),
    "too_early": _too_early,
    "too_late": _("It is too late to renew this key. Create a new one."),
    "under_way": _under_way,
    "unowned.busy": _("Another administrator is just changing this key. Reload the list."),
    "unowned.gone": _("The gateway no longer has this key. Nothing was changed."),
    "unowned.inactive": _("The account of this person is not active: activate it first, or choose somebody else."),
    "unowned.portal": _("This is the portal’s own key for the gateway (GATEWAY_ADMIN_KEY). It cannot be changed here."),
    "unowned.owned": _("This key has an owner by now. Reload the list."),
}
add_words({PREFIX + reason: words for reason, words in REASONS.items()})


def _over_for_admin(values: Mapping[str, Any]) -> str:
    words = gettext("Under the owner’s policy, all keys of this kind expire on %(when)s, so nothing would change.")
    return words % {"when": moment(datetime.fromisoformat(values["when"]))}


def _group_used_up_for_admin(values: Mapping[str, Any]) -> str:
    words = gettext("The group %(group)s has used its budget for %(month)s. Keys work again on %(day)s (UTC).")
    return words % group_budget_values(values["group"], date.fromisoformat(values["first_day"]))


FOR_ADMINS: Final[dict[str, Words]] = {  # of REASONS, those that are sentences for the owner
    "own_end.supervisor": _own_end,
    "blocked": _("This key is blocked at the gateway: unblock it first."),
    "budget": _("The owner’s budget for all keys together is used up. It works again when the budget resets."),
    "budget.group": _group_used_up_for_admin,
    "gone": _("This key was deleted at the gateway. Its owner can create a new one."),
    "intern.renewal": _("The owner’s policy no longer includes keys for interns."),
    "kind": _("The owner’s policy does not include personal keys."),
    "limit.kind_at_renewal": _(
        "Keys of this kind that the owner has: %(live)d; their policy allows %(most)d now. Delete one, or change the "
        "policy."
    ),
    "limit.renewal": _(
        "Keys that the owner has: %(live)d; their policy allows %(most)d now. Delete one, or change the policy."
    ),
    "models": _("The owner’s policy allows no model, so the key could not call any."),
    "over": _over_for_admin,
    "over.renewal": _over_for_admin,
    "playground": _("The owner’s policy does not include the Playground."),
    "too_late": _("It is too late to renew this key. Its owner can create a new one."),
}
