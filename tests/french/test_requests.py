"""Requests in French: what is granted at once, and models on request."""

import pytest

from accounts.models import AccessRequest
from keys.models import GatewayModel
from tests.approvals.conftest import supervise
from tests.approvals.test_at_once import form_for
from tests.factories import make_policy, make_staff, make_user
from tests.french.conftest import Read, in_french
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


def test_more_budget_at_once_and_models_on_request(sandbox: Sandbox, read: Read) -> None:
    for name in ("small", "large"):
        GatewayModel.objects.create(name=name, mode="chat")
    make_policy("Cours", at_once_usd=3, all_models=False, model_names=["small"], on_request=["large"])
    zoe, boss = make_user("zoe", groups=("Cours",), first_name="Zoé"), make_staff("chef", first_name="Farid")
    supervise(boss, zoe)
    issue(zoe)
    browser = in_french(zoe)

    assert "Demander" in read(browser.get("/models/"))
    read(browser.get("/requests/ask/", {"thing": "model", "name": "large"}))
    read(browser.get("/requests/ask/"))
    sandbox.faults("/team/update", "error", status=503)
    for amount in ("1", "2", "9"):
        read(browser.post("/requests/ask/", form_for(zoe, amount, why="thèse"), follow=True))
    request = AccessRequest.objects.filter(state="approved").first()
    assert request
    read(in_french(boss).get(f"/requests/{request.pk}/"))
    read(in_french(make_user("manager", groups=("Admins",), first_name="Ada")).get(f"/people/{zoe.pk}/"))
