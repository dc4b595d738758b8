"""Which mails a person wants, and what waits for their daily one."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User


class MailChoices(models.Model):
    """The mails that a person has chosen; without a row, all of them, one by one. Those of sign-in always come."""

    person = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="mail_choices", editable=False)
    expiry = models.BooleanField(
        _("Keys that expire soon"),
        default=True,
        help_text=_("When a key can be renewed, and on the day before its end."),
    )
    budget = models.BooleanField(
        _("Spending of budgets"), default=True, help_text=_("When 80 %, and when all, of a budget is spent.")
    )
    requests = models.BooleanField(
        _("Requests for more"),
        default=True,
        help_text=_("What was decided on yours, and which wait for your decision."),
    )
    unusual = models.BooleanField(
        _("Unusual spend"),
        default=True,
        help_text=_("When a key spends more than ten times your usual day; always at once."),
    )
    limits = models.BooleanField(
        _("Limits of keys that you use as an intern"),
        default=True,
        help_text=_("When your supervisor or an administrator changes them."),
    )
    views = models.BooleanField(
        _("Saved views of usage"), default=True, help_text=_("The weekly or monthly mail of each view that has one.")
    )
    daily = models.BooleanField(
        _("All in one mail a day"), default=False, help_text=_("In the morning; on days without news there is none.")
    )
    daily_sent_on = models.DateField(null=True, editable=False, help_text="The UTC day of the last daily mail.")
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="Since when a process sends the next.")

    def __str__(self) -> str:
        return str(self.person_id)


class DailyItem(models.Model):
    """What a daily mail is to say: a mail that was not sent by itself. Deleted with its mail."""

    person = models.ForeignKey(User, models.CASCADE, related_name="+", editable=False)
    name = models.CharField(max_length=150, unique=True, editable=False, help_text="Of the mail, once only.")
    subject = models.CharField(max_length=300, editable=False)
    body = models.TextField(editable=False)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
