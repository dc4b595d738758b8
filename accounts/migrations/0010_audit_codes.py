"""Turn the sentences of the trail over to codes and values; one that is not known is kept, as "legacy"."""

import re
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TAKEN_OVER = re.compile(r"expires: (never|\d{4}-\d\d-\d\dT\d\d:\d\d[+-]\d\d:\d\d); blocked: (yes|no)")
STAY_DAYS = re.compile(r"(–|\d{4}-\d\d-\d\d) → (–|\d{4}-\d\d-\d\d)")
LABEL = re.compile(r"(?:before: |avant : |avant\u00a0: )(.*)", re.DOTALL)
LIMIT = re.compile(r"You have (\d+) keys?, and (?:may have (\d+)\.|(\d+) are allowed\.) .*")
SENTENCES = {
    "The gateway could not be reached.": "problem.unreachable",
    "The gateway refused to make it.": "problem.refused",
    "The gateway’s answer was lost. Nobody saw the secret; no such key is left.": "problem.answer_lost",
    "It was deleted at the gateway, not here.": "problem.gone",
    "It expired, and was not renewed in time.": "problem.lapsed",
    "The gateway does not let the portal choose its secret.": "problem.no_custom",
    "The portal’s own secret was changed, so that another was made in its place.": "problem.replaced",
    "It is at the gateway again.": "back_at_gateway",
    "It ends sooner: no later than the policy lets a key live.": "ends_sooner",
    "Made outside the portal": "made_outside",
    "added again after a restore": "restored",
    "unblocked: the owner’s account is active again": "owner_active",
    "blocked: the owner’s account is not active": "owner_inactive",
    "You have a key with this label. Choose another.": "refused.label",
    "You may not make keys for others. Leave the intern’s name empty.": "refused.intern",
    "It is too late to renew this key. Create a new one.": "refused.too_late",
    "This key was deleted at the gateway. Create a new one.": "refused.gone",
    "This key is being changed. Try again in a minute.": "refused.busy",
    "This key has expired. Renew it first.": "refused.expired",
    "This key is blocked at the gateway. Ask an administrator.": "refused.blocked",
}


def code_of(detail: str) -> tuple[str, dict[str, Any]]:
    """Return code and values of what was written as a sentence."""
    if not detail:
        return "", {}
    if code := SENTENCES.get(detail):
        return code, {}
    if taken := TAKEN_OVER.fullmatch(detail):
        return "taken_over", {"expires_at": None if taken[1] == "never" else taken[1], "blocked": taken[2] == "yes"}
    if days := STAY_DAYS.fullmatch(detail):
        return "stay_days", dict(
            zip(("before", "after"), (None if day == "–" else day for day in days.groups()), strict=True)
        )
    if label := LABEL.fullmatch(detail):
        return "label_before", {"label": label[1]}
    if limit := LIMIT.fullmatch(detail):
        return "refused.limit", {"live": int(limit[1]), "most": int(limit[2] or limit[3])}
    return "legacy", {"text": detail}


def turn_over(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    entries = apps.get_model("accounts", "AuditEntry").objects.using(schema_editor.connection.alias)
    for pk, key_id, detail in list(entries.values_list("pk", "key_id", "detail")):
        code, details = code_of(detail)
        entries.filter(pk=pk).update(object_id=str(key_id), code=code, details=details)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_audit_of_any_object")]

    operations = [migrations.RunPython(turn_over, migrations.RunPython.noop)]
