"""Forms of admins for more than the policy gives: more budget for a person, other limits for one key."""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import BudgetPeriod
from accounts.models.policy import MAX_LIFETIME_DAYS
from accounts.policies import Allowance
from keys.budget_days import end_of_period
from keys.forms import DateInput, LineField, UntilForm, amount_field, refuse_day
from keys.models import GatewayModel, Key
from keys.models.overrides import LONGEST_REASON
from keys.renewal import last_moment_of
from keys.services.key_limits import Limits, digest_of, lasting_limits, override_of
from web.templatetags.portal import day

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


class LimitsForm(ReasonForm):
    """The limits of one key, prefilled with the present ones; values equal to the policy's keep following it.

    Without what is granted, which ends by itself.
    """

    budget_usd = forms.DecimalField(
        label=_("Budget, USD"),
        required=False,
        min_value=Decimal("0.01"),
        max_digits=8,
        decimal_places=2,
        help_text=_("Empty: none of its own."),
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.01"}),
    )
    budget_period = forms.ChoiceField(label=_("Budget period"), choices=BudgetPeriod.choices)
    rpm_limit = forms.IntegerField(
        label=_("Requests per minute"), required=False, min_value=1, max_value=MAX_RATE, help_text=_("Empty: no limit.")
    )
    tpm_limit = forms.IntegerField(
        label=_("Tokens per minute"), required=False, min_value=1, max_value=MAX_RATE, help_text=_("Empty: no limit.")
    )
    all_models = forms.BooleanField(label=_("All models of the gateway"), required=False)
    model_names = forms.MultipleChoiceField(
        label=_("Models"), required=False, help_text=_("Ignored when all models are ticked.")
    )
    expires_on = forms.DateField(label=_("End"), required=False, widget=DateInput())
    as_seen = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, key: Key, allowance: Allowance) -> None:
        self.key, override = key, override_of(key)
        now = lasting_limits(key, allowance, override)
        end = override and override.expires_at
        initial = now._asdict() | {
            "budget_period": now.budget_period or BudgetPeriod.MONTH,
            "all_models": now.model_names is None,
            "expires_on": end and timezone.localdate(end, timezone.get_default_timezone()),
            "as_seen": digest_of(now, override),
        }
        super().__init__(data, initial=initial)
        names = {*GatewayModel.objects.values_list("name", flat=True), *(now.model_names or ())}
        cast("forms.MultipleChoiceField", self.fields["model_names"]).choices = [(name, name) for name in sorted(names)]
        words = _("Its last day. Empty: as the policy and renewals say; now it is %(day)s.")
        self.fields["expires_on"].help_text = words % {"day": day(key.expires_at) if key.expires_at else "–"}
        self.order_fields([*Limits._fields[:4], "all_models", "model_names", "expires_on", "reason"])

    def clean_expires_on(self) -> date | None:
        """Refuse a day that is past, too far away, or after the intern's stay."""
        ends_on: date | None = self.cleaned_data["expires_on"]
        if ends_on is None:
            return None
        refuse_day(ends_on, longest_days=MAX_LIFETIME_DAYS, far=str(_("Choose a day within ten years.")))
        if self.key.stay_ends_on and ends_on > self.key.stay_ends_on:
            raise ValidationError(_("The stay of the intern ends before. Change the end of the stay first."))
        return ends_on

    def clean(self) -> dict[str, Any]:
        """Refuse a key that could call no model."""
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("all_models") and not cleaned.get("model_names") and "model_names" not in self.errors:
            self.add_error("model_names", _("Choose at least one model, or tick all models."))
        return cleaned

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

    @property
    def expires_at(self) -> datetime | None:
        """The new end of the key; None: as the policy and renewals say."""
        ends_on = self.cleaned_data["expires_on"]
        return last_moment_of(ends_on) if ends_on else None
