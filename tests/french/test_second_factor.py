"""Second factors, in French."""

import pytest
from django.core import mail
from django.urls import reverse
from pytest_django import Settings

from accounts import second_factor
from accounts.fresh_views import PURPOSE
from accounts.models import AuditEntry, User
from tests.accounts.second_factors import code_of, give_code, with_app
from tests.factories import PASSWORD, make_user
from tests.french.conftest import Read, in_french
from tests.tasks import run_tasks
from web.encryption import encrypt


@pytest.mark.django_db
def test_setting_up_signing_in_and_the_mails(read: Read, settings: Settings) -> None:
    ada = make_user("ada", groups=("Admins",), language="fr")
    settings.SECOND_FACTOR_REQUIRED = True
    here = in_french()
    here.force_login(ada)
    assert "Configurez un second facteur" in read(here.get("/account/second-factor/"))
    page = here.get("/account/second-factor/app/")
    assert "Scannez le code" in read(page)
    sealed = page.context["sealed"]
    secret = second_factor.secret_in(sealed, ada) or ""
    read(here.post("/account/second-factor/app/", {"sealed": "x", "code": "1"}))
    read(here.post("/account/second-factor/app/", {"sealed": sealed, "code": "1"}))
    made = here.post("/account/second-factor/app/", {"sealed": sealed, "code": code_of(secret)})
    assert "Copiez-les maintenant" in read(made)
    assert "Il reste 10 codes" in read(here.get("/account/second-factor/"))
    read(here.get("/account/second-factor/recovery-codes/"))
    app = second_factor.factors_of(ada)[0]
    read(here.get(reverse("account_remove_factor", args=[app.pk])))
    read(here.post(reverse("account_remove_factor", args=[app.pk])))

    there = in_french()
    there.post("/account/login/", {"login": "ada", "password": PASSWORD})
    assert "Tapez le code" in read(there.get("/account/login/second-factor/"))
    assert "a déjà servi" in read(give_code(there, "1"))
    assert run_tasks()
    assert "une application d’authentification" in mail.outbox[0].body
    assert AuditEntry.objects.of_subject(ada)[0].remark == "application d’authentification"


@pytest.mark.django_db
def test_a_reset(read: Read, admin: User) -> None:
    ada = make_user("ada", language="fr")
    with_app(ada)
    here = in_french()
    here.force_login(admin)
    there = reverse("people:reset_second_factor", args=[ada.pk])

    assert "Vérifiez d’abord" in read(here.get(there))
    assert "Réinitialisé" in read(here.post(there, follow=True))
    assert "Rien n’a changé" in read(here.post(there))
    assert run_tasks()
    assert any("réinitialisé par l’administration" in str(message.body) for message in mail.outbox)


@pytest.mark.django_db
def test_confirming_who_one_is(read: Read, admin: User, settings: Settings) -> None:
    settings.FRESH_SIGN_IN_MINUTES = 15
    here = in_french()
    here.force_login(admin)

    assert "Confirmez votre identité" in read(here.post("/people/groups/new/", {"name": "x"}))
    assert "mot de passe actuel" in read(here.post("/people/groups/new/", {"fresh_password": "x"}))
    session = here.session
    session["kept_form"] = {"address": "/people/groups/new/", "form": encrypt("name=x", purpose=PURPOSE)}
    session.save()
    assert "Poursuivez votre action" in read(here.get("/account/confirm/"))
