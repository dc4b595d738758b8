"""allauth's forms with our texts."""

from typing import Any, cast

from allauth.account import forms
from allauth.account.adapter import get_adapter
from django import forms as django_forms
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import password_validators_help_texts
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from accounts.locale import known_zones, validate_time_zone
from accounts.models import MailChoices, User


class PlainLabelsMixin:
    """Removes placeholders that repeat the labels, and shows the password rules as sentences."""

    labels: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields = self.fields  # type: ignore[attr-defined]  # of the form that this is mixed into
        for name, field in fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)
            field.help_text = " ".join(password_validators_help_texts()) if name == "password1" else ""


NEW_PASSWORD = {"password1": _("New password"), "password2": _("Confirm the new password")}


class SignInForm(PlainLabelsMixin, forms.LoginForm):
    """User name, or address, and password."""

    labels = {"login": _("User name or e-mail"), "password": _("Password")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs |= {
            "autocomplete": "username",
            "autocapitalize": "none",
            "spellcheck": "false",
        }


class SignUpForm(PlainLabelsMixin, forms.SignupForm):
    """A new local account."""

    labels = {
        "username": _("User name"),
        "email": _("E-mail"),
        "password1": _("Password"),
        "password2": _("Confirm the password"),
    }

    def clean_username(self) -> str:
        """Refuse a name that looks like an address, perhaps somebody else's: both are accepted at sign-in."""
        name: str = super().clean_username()
        if "@" in name:
            raise ValidationError(_("Choose a user name without @."), code="looks_like_an_address")
        return name

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Create the account; for a known address, do the same amount of work and only notify its owner."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        return saved


class DirectoryForm(django_forms.Form):
    """User name and password of a directory."""

    username = django_forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=django_forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = django_forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=django_forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ChangePasswordForm(PlainLabelsMixin, forms.ChangePasswordForm):
    """The present password and a new one."""

    labels = {"oldpassword": _("Current password"), **NEW_PASSWORD}


class NewPasswordForm(PlainLabelsMixin, forms.ResetPasswordKeyForm):
    """A new password, from the link of a mail."""

    labels = NEW_PASSWORD


class ForgottenPasswordForm(PlainLabelsMixin, forms.ResetPasswordForm):
    """Where to send the link."""

    labels = {"email": _("E-mail")}

    def clean_email(self) -> str:
        """Look up nobody yet, so that a known address takes no longer than an unknown one."""
        email: str = self.cleaned_data["email"].lower()
        return email

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Send the link, if an account has the address."""
        email: str = self.cleaned_data["email"]
        get_adapter(request).send_asked_for(
            "password_reset_key", User.objects.filter(email=email, is_active=True).first()
        )
        return email


class AddressForm(PlainLabelsMixin, forms.AddEmailForm):
    """The new address."""

    labels = {"email": _("New e-mail")}


REGIONS = {  # prefixes of present names in the zone database; former names begin differently
    "Africa": _("Africa"),
    "America": _("America"),
    "Antarctica": _("Antarctica"),
    "Arctic": _("Arctic"),
    "Asia": _("Asia"),
    "Atlantic": _("Atlantic"),
    "Australia": _("Australia"),
    "Europe": _("Europe"),
    "Indian": _("Indian Ocean"),
    "Pacific": _("Pacific"),
}


class TimeZoneField(django_forms.ChoiceField):
    """Accepts any zone, though the list leaves out former names: some browsers report one."""

    def valid_value(self, value: str) -> bool:
        """Refuse a zone that does not exist, with a message of its own."""
        validate_time_zone(value)
        return True


class LocaleForm(django_forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter when it runs
    """The language and the time zone of a person's pages and mails."""

    language = django_forms.ChoiceField(label=_("Language"), required=False)
    time_zone = TimeZoneField(
        label=_("Time zone"), required=False, widget=django_forms.Select(attrs={"translate": "no"})
    )

    class Meta:
        model = User
        fields = ("language", "time_zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages = [(code, get_language_info(code)["name_local"].capitalize()) for code, _name in settings.LANGUAGES]
        cast("django_forms.ChoiceField", self.fields["language"]).choices = [("", _("As in your browser")), *languages]
        cast("django_forms.ChoiceField", self.fields["time_zone"]).choices = zone_choices(self.instance.time_zone)


class MailChoicesForm(django_forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter when it runs
    """Which mails one wants."""

    class Meta:
        model = MailChoices
        fields = ("expiry", "budget", "requests", "unusual", "limits", "views", "daily")


def zone_choices(chosen: str) -> list[tuple[Any, Any]]:
    """Return the zones by region, that of the portal first; and the chosen one, if it has a former name."""
    first = [("", _("As in the portal (%(zone)s)") % {"zone": settings.TIME_ZONE}), ("UTC", "UTC")]
    places: dict[str, list[tuple[str, str]]] = {region: [] for region in REGIONS}
    for name in sorted(known_zones()):
        region, _slash, place = name.partition("/")
        if region in places:
            places[region].append((name, place.replace("_", " ")))
        elif name == chosen != "UTC":
            first.append((name, name))
    return [*first, *((REGIONS[region], found) for region, found in places.items())]


class EndTokensForm(django_forms.Form):
    """Whether access tokens end with the sessions."""

    tokens = django_forms.BooleanField(
        label=_("End the access tokens too: programs that use them are refused"),
        required=False,
        widget=django_forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
