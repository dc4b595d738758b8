"""Each model gets a colour for good: those that cost most one of their own, then the others from the last one back."""

from typing import Any

from django.db import migrations, models
from django.db.models import F, Sum

COLOURS = 12


def give_colours(apps: Any, _editor: Any) -> None:
    used_models = apps.get_model("usage", "UsedModel").objects
    spent = used_models.annotate(spent=Sum("days__spend_usd")).order_by(F("spent").desc(nulls_last=True), "name")
    for place, model in enumerate(spent):
        turn, step = divmod(place, COLOURS)
        used_models.filter(pk=model.pk).update(colour=COLOURS - step if turn % 2 else step + 1)


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0006_anomalies"),
    ]

    operations = [
        migrations.AddField(
            model_name="usedmodel",
            name="colour",
            field=models.PositiveSmallIntegerField(default=0, help_text="On every page: 1 to COLOURS, given once."),
        ),
        migrations.RunPython(give_colours, migrations.RunPython.noop),
    ]
