"""Forms for the limits of one key: what all have in common, and that of the owners of keys."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import BudgetPeriod
from accounts.models.policy import MAX_LIFETIME_DAYS
from accounts.policies import Allowance
from keys.forms import DateInput, budget_field, most_usd, refuse_day
from keys.models import GatewayModel, Key, LimitOverride
from keys.renewal import last_moment_of
from keys.services.key_limits import (
    Limits,
    bounds_of,
    chosen_within,
    digest_of,
    lasting_limits,
    overridden,
    override_of,
)
from keys.services.lifetimes import latest_end
from web.templatetags.portal import day


def _in_cents(amount: Decimal | None) -> Decimal | None:
    """Return an amount of a column with four places as the field takes it, unless it has a part of a cent."""
    cents = None if amount is None else amount.quantize(Decimal("0.01"))
    return cents if cents == amount else amount


class KeyLimitsForm(forms.Form):
    """Budget, models and end of one key, prefilled with the present ones, without what is granted."""

    budget_usd = budget_field(_("Empty: none of its own."))
    all_models = forms.BooleanField(label=_("All models of the gateway"), required=False)
    model_names = forms.MultipleChoiceField(
        label=_("Models"), required=False, help_text=_("Ignored when all models are ticked.")
    )
    expires_on = forms.DateField(label=_("End"), required=False, widget=DateInput())
    as_seen = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, key: Key, allowance: Allowance) -> None:
        self.key, override = key, override_of(key)
        self.now = self.limits_now(allowance, override)
        end = override and override.expires_at
        initial = self.now._asdict() | {
            "budget_usd": _in_cents(self.now.budget_usd),
            "budget_period": self.now.budget_period or BudgetPeriod.MONTH,
            "all_models": self.now.model_names is None,
            "expires_on": end and timezone.localdate(end, timezone.get_default_timezone()),
            "as_seen": digest_of(self.now, override),
        }
        super().__init__(data, initial=initial)
        names = sorted(self.offered_models())
        cast("forms.MultipleChoiceField", self.fields["model_names"]).choices = [(name, name) for name in names]
        words = _("Its last day. Empty: as the policy and renewals say; now it is %(day)s.")
        self.fields["expires_on"].help_text = words % {"day": day(key.expires_at) if key.expires_at else "–"}

    def limits_now(self, allowance: Allowance, override: LimitOverride | None) -> Limits:
        """Return the present limits without what is granted, which ends by itself."""
        return lasting_limits(self.key, allowance, override)

    def offered_models(self) -> Iterable[str]:
        """Return the names to choose from."""
        return {*GatewayModel.objects.values_list("name", flat=True), *(self.now.model_names or ())}

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
    def expires_at(self) -> datetime | None:
        """The new end of the key; None: as the policy and renewals say."""
        ends_on = self.cleaned_data["expires_on"]
        return last_moment_of(ends_on) if ends_on else None


class OwnLimitsForm(KeyLimitsForm):
    """Limits that the owner of a key chooses within those of their policy; what is empty follows the policy."""

    def __init__(self, data: Any = None, *, key: Key, allowance: Allowance) -> None:
        self.policy = bounds_of(key, allowance)
        self.latest_end = latest_end(key, allowance.rules[key.kind])
        super().__init__(data, key=key, allowance=allowance)
        self.initial["all_models"] = self.now.model_names == self.policy.model_names
        if (self.now.budget_usd, self.now.budget_period) == (self.policy.budget_usd, self.policy.budget_period):
            self.initial["budget_usd"] = None
        self.fields["all_models"].label = _("All models that your policy allows")
        self.fields["budget_usd"].help_text = (
            _("Your policy gives this key no budget of its own. Empty: none.")
            if self.policy.budget_usd is None
            else _("%(amount)s or less. Empty: as your policy says.") % {"amount": most_usd(self.policy)}
        )

    def limits_now(self, allowance: Allowance, override: LimitOverride | None) -> Limits:
        """Return the present limits; for a key of the owner's own with what is granted to them."""
        return overridden(self.policy, override)

    def offered_models(self) -> Iterable[str]:
        """Return the names that the policy allows."""
        return super().offered_models() if self.policy.model_names is None else self.policy.model_names

    def clean_budget_usd(self) -> Decimal | None:
        """Refuse more than the policy gives."""
        amount: Decimal | None = self.cleaned_data["budget_usd"]
        if amount is not None and self.policy.budget_usd is not None and amount > self.policy.budget_usd:
            words = _("Your policy gives this key %(amount)s. Choose that or less.")
            raise ValidationError(words, params={"amount": most_usd(self.policy)})
        return amount

    def clean_expires_on(self) -> date | None:
        """Refuse a day after the lifetime that the policy gives."""
        ends_on = super().clean_expires_on()
        if ends_on and ends_on > (last := timezone.localdate(self.latest_end, timezone.get_default_timezone())):
            words = _("Under your policy this key lives until %(day)s at most, unless you renew it then.")
            raise ValidationError(words, params={"day": day(last)})
        return ends_on

    @property
    def limits(self) -> Limits:
        """The new limits of the key."""
        data = self.cleaned_data
        names = None if data["all_models"] else data["model_names"]
        bounds = self.policy
        if bounds.budget_usd is None or data["budget_usd"] == self.now.budget_usd:  # it keeps its period
            bounds = bounds._replace(budget_period=self.now.budget_period)
        chosen = chosen_within(bounds, data["budget_usd"], names)
        return chosen if chosen.budget_usd is not None else chosen._replace(budget_period="")

    @property
    def expires_at(self) -> datetime | None:
        """The new end of the key, within the lifetime that the policy gives."""
        end = super().expires_at
        return end and min(end, self.latest_end)
