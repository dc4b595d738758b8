"""Forms of webhooks."""

from typing import Final

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Webhook, WebhookEvent
from keys.forms import clean_line
from web.outside import is_allowed_url

CHOICES: Final = [choice for choice in WebhookEvent.choices if choice[0] != WebhookEvent.TEST]
LONGEST_URL: Final = 1000


class EventsForm(forms.Form):
    """The name of a webhook, and what it is about."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Send a message when"),
        choices=CHOICES,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )

    def clean_name(self) -> str:
        """Return the name without hidden characters."""
        name = clean_line(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError(_("Enter a name."))
        return name


class WebhookForm(EventsForm):
    """A new webhook."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=LONGEST_URL,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Only https. The address is stored encrypted; later only its host is shown."),
    )
    format = forms.ChoiceField(
        label=gettext_lazy("What is sent"), choices=Webhook.Format, initial=Webhook.Format.SIGNED, required=False
    )
    field_order = ("name", "url", "format", "events")

    def clean_format(self) -> str:
        """Return the format; that for programs where none is chosen."""
        return self.cleaned_data["format"] or Webhook.Format.SIGNED

    def clean_url(self) -> str:
        """Refuse an address to which nothing would be sent."""
        url: str = self.cleaned_data["url"]
        if not is_allowed_url(url, internal_hosts=settings.WEBHOOK_INTERNAL_HOSTS):
            words = _("Enter an https address without a user name, for example %(example)s")
            raise forms.ValidationError(words % {"example": "https://chat.example.edu/hooks/abc"})
        return url
