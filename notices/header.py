"""What every page says at its top, in one query.

It is SQL, the same for PostgreSQL and SQLite, because Django spent 6 ms of each page on building and compiling it. It
only tells what there is, or may be: the querysets of the models then read it.
"""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from accounts.rights import WITH_RIGHTS
from keys.models import GatewayState
from keys.models.leaks import NEWS_FOR
from keys.models.limit_changes import SHOWN_FOR
from usage.models import utc_today
from usage.periods import budget_first_day
from usage.queries.notices import PERIODS

SELECT: Final = """
, terms AS (
    SELECT id FROM accounts_terms WHERE published_at IS NOT NULL ORDER BY version DESC LIMIT 1
)
SELECT state.*,
    (
        %(is_superuser)s
        OR EXISTS (
            SELECT 1 FROM accounts_keyrule rule JOIN accounts_policy policy ON policy.id = rule.policy_id
            WHERE rule.kind = 'course' AND rule.allowed AND (
                policy.group_id IN (SELECT group_id FROM own_groups)
                OR (policy.group_id IS NULL AND NOT EXISTS (
                    SELECT 1 FROM accounts_policy own WHERE own.group_id IN (SELECT group_id FROM own_groups)
                ))
            )
        )
        OR EXISTS (SELECT 1 FROM courses_courseteacher teacher WHERE teacher.person_id = %(person)s)
        OR EXISTS (
            SELECT 1 FROM courses_student student WHERE student.account_id = %(person)s AND student.left_at IS NULL
        )
    ) AS has_courses,
    CASE
        WHEN %(is_superuser)s OR EXISTS (
            SELECT 1 FROM own_permissions
            WHERE name IN ('accounts.view_people', 'accounts.manage_people', 'accounts.manage_policies')
        ) THEN 'people:index'
        WHEN 'courses.view_all_courses' IN (SELECT name FROM own_permissions) THEN 'teaching:courses'
        WHEN 'accounts.manage_announcements' IN (SELECT name FROM own_permissions) THEN 'notices:announcements'
        WHEN 'accounts.manage_terms' IN (SELECT name FROM own_permissions) THEN 'notices:terms_versions'
        WHEN 'accounts.manage_webhooks' IN (SELECT name FROM own_permissions) THEN 'webhooks:index'
        WHEN 'accounts.set_up_portal' IN (SELECT name FROM own_permissions) THEN 'status:index'
        ELSE ''
    END AS admin_page,
    EXISTS (SELECT 1 FROM terms) AS has_terms,
    EXISTS (
        SELECT 1 FROM terms WHERE NOT EXISTS (
            SELECT 1 FROM accounts_termsacceptance accepted
            WHERE accepted.terms_id = terms.id AND accepted.person_id = %(person)s
        )
    ) AS owes_terms,
    (
        (%(is_superuser)s OR 'accounts.set_up_portal' IN (SELECT name FROM own_permissions))
        AND NOT EXISTS (SELECT 1 FROM accounts_setupstate WHERE dismissed_at IS NOT NULL)
    ) AS has_checklist,
    EXISTS (
        SELECT 1 FROM accounts_announcement announcement
        WHERE announcement.starts_at <= %(now)s AND announcement.ends_at > %(now)s
        AND NOT EXISTS (
            SELECT 1 FROM accounts_announcementdismissal dismissal
            WHERE dismissal.announcement_id = announcement.id AND dismissal.person_id = %(person)s
        )
        AND (announcement.for_everybody OR EXISTS (
            SELECT 1 FROM accounts_announcement_groups addressed
            JOIN own_groups ON own_groups.group_id = addressed.group_id
            WHERE addressed.announcement_id = announcement.id
        ))
    ) AS has_announcements,
    EXISTS (
        SELECT 1 FROM accounts_accessrequest request
        WHERE request.state = 'open' AND request.person_id <> %(person)s
        AND (
            %(is_superuser)s
            OR 'accounts.decide_requests' IN (SELECT name FROM own_permissions)
            OR EXISTS (
                SELECT 1 FROM keys_intern intern
                WHERE intern.account_id = request.person_id AND intern.supervisor_id = %(person)s
            )
        )
    ) AS has_requests,
    EXISTS (
        SELECT 1 FROM keys_key key
        WHERE key.owner_id = %(person)s AND key.state = 'active' AND key.kind IN ('personal', 'temporary')
        AND key.expires_at > %(now)s AND key.expires_at <= %(soon)s
        AND (key.dismissed_of IS NULL OR key.dismissed_of <> key.expires_at)
    ) AS has_keys,
    EXISTS (
        SELECT 1 FROM usage_notice notice
        WHERE notice.person_id = %(person)s AND notice.seen_at IS NULL AND notice.period_first_day >= %(first_day)s
    ) AS has_budgets,
    EXISTS (
        SELECT 1 FROM keys_limitchange change JOIN keys_intern intern ON intern.id = change.intern_id
        WHERE intern.account_id = %(person)s AND change.seen_at IS NULL AND change.made_at > %(limits_since)s
    ) AS has_limits,
    EXISTS (
        SELECT 1 FROM keys_leaknotice leak
        WHERE leak.person_id = %(person)s AND leak.seen_at IS NULL AND leak.made_at > %(leaks_since)s
    ) AS has_leaks,
    (
        (%(is_superuser)s OR 'accounts.manage_webhooks' IN (SELECT name FROM own_permissions))
        AND EXISTS (SELECT 1 FROM accounts_webhook WHERE pause = 'failing')
    ) AS has_webhooks
FROM (SELECT 1 AS id) AS one LEFT JOIN keys_gatewaystate state ON state.id = one.id
"""


def header_state(person: User) -> GatewayState:
    """Return the state of the gateway, empty before its first check, with what SQL adds about the person.

    There may be notices of a kind where `has_` says so; `notices.bell` knows their number.
    """
    now, today = timezone.now(), utc_today()
    params = {
        "person": person.pk,
        "is_superuser": person.is_superuser,
        "now": now,
        "soon": now + timedelta(days=settings.KEY_RENEW_BEFORE_DAYS),
        "limits_since": now - SHOWN_FOR,
        "leaks_since": now - NEWS_FOR,
        "first_day": min(first for period in PERIODS if (first := budget_first_day(period, today))),
    }
    return GatewayState.objects.raw(WITH_RIGHTS + SELECT, params)[0]
