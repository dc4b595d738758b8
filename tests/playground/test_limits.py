"""Limits on calls: in parallel for a person and in all, per minute for a person."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from playground.models import STALE_AFTER, ActiveCall
from playground.services.limits import end_call, start_call
from playground.services.refusals import AskRefused
from tests.factories import make_user


@pytest.fixture
def limits(settings: Settings) -> Settings:
    settings.PLAYGROUND_STREAMS_PER_USER = 3
    settings.PLAYGROUND_STREAMS = 5
    settings.PLAYGROUND_REQUESTS_PER_MINUTE = 10
    return settings


def take(user: User) -> ActiveCall:
    with transaction.atomic():
        return start_call(user)


def refusal_of(call: Callable[[], object]) -> AskRefused:
    with pytest.raises(AskRefused) as refused:
        call()
    return refused.value


def test_a_person_may_have_three_at_once(limits: Settings, intern: User) -> None:
    calls = [take(intern) for _ in range(3)]

    assert refusal_of(lambda: take(intern)).code == "streams"
    assert ActiveCall.objects.count() == 3

    end_call(calls[1].pk)
    take(intern)


def test_the_portal_has_five_at_once(limits: Settings, intern: User, staff: User) -> None:
    for user in (intern, intern, intern, staff, staff):
        take(user)

    refused = refusal_of(lambda: take(make_user()))

    assert refused.code == "full"
    assert refused.retry_at is not None


def test_a_call_whose_process_died_is_free_after_a_while(limits: Settings, intern: User) -> None:
    calls = [take(intern) for _ in range(3)]
    ActiveCall.objects.filter(pk=calls[0].pk).update(renewed_at=timezone.now() - STALE_AFTER)

    take(intern)
    assert refusal_of(lambda: take(intern)).code == "streams"


def test_a_person_may_ask_ten_times_a_minute(limits: Settings, intern: User, staff: User) -> None:
    for _ in range(10):
        end_call(take(intern).pk)
    first = ActiveCall.objects.earliest("began_at")

    refused = refusal_of(lambda: take(intern))

    assert refused.code == "minute"
    assert refused.retry_at == first.began_at + timedelta(minutes=1)
    take(staff)  # another person may


def test_calls_of_a_minute_ago_do_not_count(limits: Settings, intern: User) -> None:
    for _ in range(10):
        end_call(take(intern).pk)
    ActiveCall.objects.filter(owner=intern).update(began_at=timezone.now() - timedelta(seconds=61))

    take(intern)


def test_ending_a_call_twice_keeps_the_first_end(limits: Settings, intern: User) -> None:
    call = take(intern)
    end_call(call.pk)
    ended_at = ActiveCall.objects.get(pk=call.pk).ended_at

    end_call(call.pk)

    assert ActiveCall.objects.get(pk=call.pk).ended_at == ended_at


@pytest.mark.django_db(transaction=True)
def test_eight_tabs_at_once_get_three(limits: Settings) -> None:
    user = make_user()

    def try_it(_: int) -> bool:
        try:
            take(user)
        except AskRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as tabs:
        taken = list(tabs.map(try_it, range(8)))

    assert taken.count(True) == 3
    assert ActiveCall.objects.filter(ended_at=None).count() == 3
