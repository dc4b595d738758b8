"""A process that is killed at any line while limits of a key are set: the next runs of the tasks leave it whole."""

from functools import partial
from itertools import count

import pytest
from django.test import override_settings

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditEntry, User
from keys import services
from keys.models import LimitOverride
from keys.services.key_limits import Limits, limits_on
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue
from tests.keys.crashes import killed_at_step
from tests.sandbox_process import Sandbox

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.timeout(300),
]


def test_a_kill_at_any_line_leaves_the_limits_of_before_or_the_new_ones(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    times_set = 0
    for step in count(1):
        before = again(key).rpm_limit
        wanted = Limits(None, "", step, None, None)
        set_them = partial(services.set_limits, key=again(key), actor=BY_TEST, limits=wanted)
        if not killed_at_step(step, set_them):
            break
        with override_settings(KEY_ANSWER_DEADLINE_S=0):
            services.sweep_keys()
        services.apply_policies(BY_THE_PORTAL)

        is_set = LimitOverride.objects.filter(key=key, rpm_limit=step).exists()
        times_set += is_set
        assert limits_on(again(key)).rpm_limit == (step if is_set else before)
        assert [row["rpm_limit"] for row in sandbox.live_keys()] == [again(key).rpm_limit]
        assert AuditEntry.objects.filter(action="change").count() == times_set
        assert_at_rest(sandbox)

    assert step > 3
    assert times_set
