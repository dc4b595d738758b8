"""The parts that the portal is made of: what of its settings no environment changes."""

from typing import Final

from portal import folders

APPS: Final = [
    "portal",
    "scim",
    "api",
    "approvals",
    "people",
    "teaching",
    "catalogue",
    "webhooks",
    "notices",
    "playground",
    "usage",
    "courses",
    "keys",
    "accounts",
    "web",
    "gateway",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.forms",
    "whitenoise.runserver_nostatic",
    "portal.apps.PortalStaticFiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "template_partials",
]
MIDDLEWARES: Final = [  # in the order in which a request meets them
    "web.request_log.RequestLog",
    "web.middleware.any_host_for_health",
    "web.middleware.utf8_forms",
    "api.middleware.api_requests",
    "web.middleware.no_secret_in_addresses",
    "web.middleware.one_host",
    "django.middleware.security.SecurityMiddleware",
    "web.middleware.security_headers",
    "csp.middleware.CSPMiddleware",
    "web.redirects.fit_redirects",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.own_locale",
    "accounts.middleware.note_last_use",
    "web.middleware.LoginRequired",
    "accounts.middleware.SecondFactorFirst",
    "accounts.middleware.FreshSignIn",
    "accounts.middleware.AcceptTerms",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATE_ENGINES: Final = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [folders.BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.portal",
                "notices.context.header",
            ],
            "builtins": ["web.templatetags.cached_tags"],
            "libraries": {
                "i18n": "web.templatetags.cached_i18n",
                "static": "web.templatetags.cached_static",
            },
        },
    }
]

READINESS_PARTS: Final = {  # of /healthz/ready, after those of web.health: each returns "up", or a word for the problem
    "admin_key": "keys.heartbeat.admin_key_state",
    "identity": "keys.heartbeat.identity_state",
    "worker": "keys.heartbeat.worker_state",
    "beat": "keys.heartbeat.beat_state",
    "queue": "portal.queues.queue_state",
    "sweep": "keys.heartbeat.sweep_state",
    "poll": "usage.services.state.poll_state",
}
