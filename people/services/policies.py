"""Changes of a policy: the effect on people and keys, and the change itself."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor, changes_between, policy_values, record_policy_change
from accounts.models import AuditAction, KeyRule, Policy, User
from accounts.names import name_order
from accounts.policies import Allowances, may_change_policy, people_under
from accounts.policy_changes import is_different, is_lower, words_of_changes
from keys.services import Outdated, find_outdated
from web.tasks import ask_worker


class PolicyConflict(Exception):
    """The policy has changed since it was read; nothing was saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The effect of a change of a policy."""

    people: int  # with a different allowance
    keys: int  # with other limits, or an earlier end
    expired: int  # keys that end at once
    shortened: int  # keys that end earlier
    first_end: datetime | None  # of the shortened ones
    lowered: tuple[User, ...]  # by name: people with any lower limit


def version_of(policy: Policy | None) -> str:
    """Return a version that differs after each change of a policy, by anybody; "none" for a missing one."""
    if policy is None:
        return "none"
    return hashlib.sha256(json.dumps(policy_values(policy), sort_keys=True).encode()).hexdigest()


def policy_of_group(group: Group | None) -> Policy | None:
    """Return a group's own policy; None: the default one."""
    return Policy.objects.filter(group=group).first()


def words_of_change(policy: Policy, rules: Iterable[KeyRule]) -> list[str]:
    """Describe the differences between the form and the stored policy; for a first one, the default policy."""
    stored = policy_of_group(policy.group) or policy_of_group(None)
    before = policy_values(stored) if stored else {}
    changes = changes_between(before, policy_values(policy, rules))
    return words_of_changes(changes)


def effect_of(group: Group | None, rules: Sequence[KeyRule]) -> Effect:
    """Return the effect if the group's policy (None: the default one) had these rules; none: no policy."""
    group_id = group.pk if group else None
    now = Allowances.load(also=group_id)
    then = now.with_rules(group_id, rules)
    changed: list[User] = []
    lowered: list[User] = []
    everybody = people_under(group)
    for person in everybody.only("username", "first_name", "last_name"):
        before, after = now.of(person.pk), then.of(person.pk)
        if is_different(before, after):
            changed.append(person)
            if is_lower(before, after):
                lowered.append(person)
    lowered.sort(key=lambda person: (name_order(person.display_name), person.pk))
    outdated, present = find_outdated(among=everybody, allowances=then, before=now), timezone.now()
    later = [end for end in outdated.ends if end > present]
    return Effect(
        people=len(changed),
        keys=len(outdated.keys),
        expired=len(outdated.ends) - len(later),
        shortened=len(later),
        first_end=min(later, default=None),
        lowered=tuple(lowered),
    )


@transaction.atomic
def save_policy(*, policy: Policy, rules: Sequence[KeyRule], version: str, actor: Actor) -> bool:
    """Save a policy with its rules; return whether anything changed.

    Raises PolicyConflict if its `version` has changed or the group is deleted, and PermissionDenied if the actor may
    not change it any more.

    A task, started after the commit, updates existing keys; if it is lost, the schedule runs it.
    """
    group = None
    if policy.group_id is not None:  # a lock, so that a first policy is created once
        group = Group.objects.select_for_update().filter(pk=policy.group_id).first()
        if group is None:
            raise PolicyConflict
    if actor.user and not may_change_policy(actor.user, group):
        raise PermissionDenied
    stored = Policy.objects.select_for_update().filter(group=group).first()
    if version_of(stored) != version:
        raise PolicyConflict
    before = policy_values(stored) if stored else {}
    policy.save()
    for rule in rules:
        rule.policy = policy
        rule.save()
    changes = changes_between(before, policy_values(policy))
    if not changes:
        return False
    action = AuditAction.CHANGE if stored else AuditAction.ISSUE
    record_policy_change(actor=actor, action=action, policy=policy, changes=changes)
    for task in ("keys.apply_policies", "usage.enforce_ceilings"):
        transaction.on_commit(partial(ask_worker, task), robust=True)
    return True


def outdated_under(group: Group | None) -> Outdated:
    """Return what does not follow the policy yet, of the people to whom the group's policy applies."""
    return find_outdated(among=people_under(group))
