import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="key",
            name="keys_label_unique_among_live",
        ),
        migrations.AlterField(
            model_name="key",
            name="problem",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", ""),
                    ("unreachable", "The gateway could not be reached."),
                    ("refused", "The gateway refused to make it."),
                    ("answer_lost", "The gateway’s answer was lost. Nobody saw the secret; no such key is left."),
                    ("gone", "It was deleted at the gateway, not here."),
                    ("lapsed", "It expired, and was not renewed in time."),
                    ("no_custom", "The gateway does not let the portal choose its secret."),
                    ("replaced", "The portal’s own secret was changed, so that another was made in its place."),
                ],
                default="",
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="key",
            constraint=models.UniqueConstraint(
                models.F("owner"),
                django.db.models.functions.text.Lower("label"),
                condition=models.Q(
                    ("kind__in", ("personal", "temporary")), ("state__in", ("issuing", "active", "deleting"))
                ),
                name="keys_label_unique_among_live",
            ),
        ),
        migrations.AddConstraint(
            model_name="key",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "playground"), ("state__in", ("issuing", "active"))),
                fields=("owner",),
                name="keys_one_playground_key",
            ),
        ),
    ]
