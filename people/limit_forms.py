"""Forms of admins for more than the policy gives: more budget for a person, other limits for one key."""

import uuid
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import BudgetPeriod
from accounts.policies import Allowance
from keys.budget_days import end_of_period
from keys.forms import LineField, UntilForm, amount_field
from keys.limit_forms import KeyLimitsForm
from keys.models import Key
from keys.models.overrides import LONGEST_REASON
from keys.services.key_limits import Limits

MAX_RATE: Final = 2**31 - 1


class ReasonForm(forms.Form):
    """The reason for an action; the person concerned reads it."""

    reason = LineField(
        label=_("Reason"),
        max_length=LONGEST_REASON,
        help_text=_("It is in the mail to the person."),
        error_messages={"required": _("Say why: the person gets it by mail.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class TopUpForm(UntilForm, ReasonForm):
    """How much more budget, until when, and why."""

    amount_usd = amount_field()
    form_id = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, allowance: Allowance) -> None:
        super().__init__(data, initial={"ends_on": end_of_period(allowance), "form_id": uuid.uuid4()})
        self.order_fields(["amount_usd", "ends_on", "reason"])


class LimitsForm(KeyLimitsForm, ReasonForm):
    """The limits of one key; values equal to the policy's keep following it."""

    budget_period = forms.ChoiceField(label=_("Budget period"), choices=BudgetPeriod.choices)
    rpm_limit = forms.IntegerField(
        label=_("Requests per minute"), required=False, min_value=1, max_value=MAX_RATE, help_text=_("Empty: no limit.")
    )
    tpm_limit = forms.IntegerField(
        label=_("Tokens per minute"), required=False, min_value=1, max_value=MAX_RATE, help_text=_("Empty: no limit.")
    )

    def __init__(self, data: Any = None, *, key: Key, allowance: Allowance) -> None:
        super().__init__(data, key=key, allowance=allowance)
        self.order_fields([*Limits._fields[:4], "all_models", "model_names", "expires_on", "reason"])

    @property
    def limits(self) -> Limits:
        """The new limits of the key."""
        data = self.cleaned_data
        return Limits(
            budget_usd=data["budget_usd"],
            budget_period=data["budget_period"] if data["budget_usd"] is not None else "",
            rpm_limit=data["rpm_limit"],
            tpm_limit=data["tpm_limit"],
            model_names=None if data["all_models"] else sorted(data["model_names"]),
        )
