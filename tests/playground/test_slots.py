"""Limits on calls: so many at once of a person and in all, so many a minute of a person."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from playground.models import LOST_AFTER, Slot
from playground.services.refusals import AskRefused
from playground.services.slots import end_slot, take_slot
from tests.factories import make_user


@pytest.fixture
def limits(settings: Settings) -> Settings:
    settings.PLAYGROUND_STREAMS_A_PERSON = 3
    settings.PLAYGROUND_STREAMS = 5
    settings.PLAYGROUND_REQUESTS_A_MINUTE = 10
    return settings


def take(user: User) -> Slot:
    with transaction.atomic():
        return take_slot(user)


def refusal_of(call: Callable[[], object]) -> AskRefused:
    with pytest.raises(AskRefused) as refused:
        call()
    return refused.value


def test_a_person_may_have_three_at_once(limits: Settings, intern: User) -> None:
    slots = [take(intern) for _ in range(3)]

    assert refusal_of(lambda: take(intern)).code == "streams"
    assert Slot.objects.count() == 3

    end_slot(slots[1].pk)
    take(intern)


def test_the_portal_has_five_at_once(limits: Settings, intern: User, staff: User) -> None:
    for user in (intern, intern, intern, staff, staff):
        take(user)

    refused = refusal_of(lambda: take(make_user()))

    assert refused.code == "full"
    assert refused.retry_at is not None


def test_a_slot_whose_process_died_is_free_after_a_while(limits: Settings, intern: User) -> None:
    slots = [take(intern) for _ in range(3)]
    Slot.objects.filter(pk=slots[0].pk).update(renewed_at=timezone.now() - LOST_AFTER)

    take(intern)
    assert refusal_of(lambda: take(intern)).code == "streams"


def test_a_person_may_ask_ten_times_a_minute(limits: Settings, intern: User, staff: User) -> None:
    for _ in range(10):
        end_slot(take(intern).pk)
    first = Slot.objects.earliest("began_at")

    refused = refusal_of(lambda: take(intern))

    assert refused.code == "minute"
    assert refused.retry_at == first.began_at + timedelta(minutes=1)
    take(staff)  # another person may


def test_what_was_a_minute_ago_does_not_count(limits: Settings, intern: User) -> None:
    for _ in range(10):
        end_slot(take(intern).pk)
    Slot.objects.filter(owner=intern).update(began_at=timezone.now() - timedelta(seconds=61))

    take(intern)


def test_to_end_one_twice_keeps_its_first_end(limits: Settings, intern: User) -> None:
    slot = take(intern)
    end_slot(slot.pk)
    ended_at = Slot.objects.get(pk=slot.pk).ended_at

    end_slot(slot.pk)

    assert Slot.objects.get(pk=slot.pk).ended_at == ended_at


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
    assert Slot.objects.filter(ended_at=None).count() == 3
