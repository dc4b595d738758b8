"""A process that is killed at any line while limits of a key are set: the next runs of the tasks leave it whole."""

from itertools import count

import pytest
from django.test import override_settings

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditEntry, User
from keys import services
from keys.models import LimitOverride
from keys.services.key_limits import Limits, limits_on
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue
from tests.keys.crashes import killed_after
from tests.sandbox_process import Sandbox

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.timeout(300),
]


def test_a_kill_at_any_line_leaves_the_limits_of_before_or_the_new_ones(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    numbers, kills, times_set, line, killed = count(1), 0, 0, 0, True
    while killed:
        before, number = again(key).rpm_limit, next(numbers)
        wanted = Limits(None, "", number, None, None)
        killed, line = killed_after(line, lambda: services.set_limits(key=again(key), actor=BY_TEST, limits=wanted))  # noqa: B023
        kills += killed
        with override_settings(KEY_ANSWER_DEADLINE_S=0):
            services.sweep_keys()
        services.apply_policies(BY_THE_PORTAL)

        is_set = LimitOverride.objects.filter(key=key, rpm_limit=number).exists()
        assert limits_on(again(key)).rpm_limit == (number if is_set else before)
        assert [row["rpm_limit"] for row in sandbox.live_keys()] == [again(key).rpm_limit]
        times_set += is_set
        assert AuditEntry.objects.filter(action="change").count() == times_set
        assert_at_rest(sandbox)

    assert kills >= 3
