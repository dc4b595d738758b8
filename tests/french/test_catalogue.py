"""The pages about models in French: the list, a model, its texts, health with every kind of failure."""

from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from catalogue.models import ModelHealth
from catalogue.services import measure_health
from keys.models import GatewayModel, GatewayState
from playground.errors.classify import TRAITS
from playground.models import AnswerCount
from tests.french.conftest import Read, in_french
from tests.usage.views.facts import key_of, used

pytestmark = pytest.mark.django_db
NAME = "modèle-local"


def test_models(admin: User, staff: User, read: Read) -> None:
    model = GatewayModel.objects.create(
        name=NAME, mode="chat", input_usd_per_million=Decimal(10), output_usd_per_million=0, max_input_tokens=1000
    )
    used(key_of(staff), "2", failed_requests=9, model=NAME)
    GatewayState.objects.update(checked_at=timezone.now(), models_at=timezone.now())
    for code in TRAITS:
        AnswerCount.objects.create(at=timezone.now(), model=NAME, outcome=code, answers=1)
    measure_health()
    page = reverse("catalogue:model", args=[NAME])
    for person in (staff, admin):
        for state in ModelHealth.State:
            ModelHealth.objects.filter(model=model).update(state=state, ok=1, failed=1, first_token_ms=900)
            read(in_french(person).get(reverse("catalogue:index")))
        read(in_french(person).get(page))
    browser, describe = in_french(admin), reverse("catalogue:describe", args=[NAME])
    read(browser.get(reverse("catalogue:index"), {"q": "rien"}))
    for text in ("x" * 121, "Résumés courts"):
        read(browser.post(describe, {"good_for_en": text, "text_fr": "Bon marché."}, follow=True))
    read(browser.get(describe))
    for params in ({}, {"model": NAME}, {"period": "today", "model": "rien"}):
        read(browser.get(reverse("catalogue:health"), params))
