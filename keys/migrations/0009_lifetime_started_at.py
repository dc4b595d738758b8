"""When the present lifetime of a key began, so that a short one is not renewable at once."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column; keys that are there count from their creation."""

    dependencies: ClassVar = [("keys", "0008_person_budget")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="key",
            name="lifetime_started_at",
            field=models.DateTimeField(
                help_text="When its present lifetime began: its last renewal; empty: its creation.", null=True
            ),
        ),
    ]
