"""Every setting, and the only reader of the environment.

A secret `NAME` may be given as a file: `NAME_FILE=/run/secrets/name`. A missing setting stops the start with its name.
With `EMBEDDED=1` (as `make run` and the tests set it) the portal runs on SQLite, files and the sandbox gateway; without
it no important setting has a default. docs/settings.md lists all of them; a test compares it with this file.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from accounts.identity_providers import read_providers
from portal import folders
from portal.components import APPS, MIDDLEWARES, READINESS_PARTS, TEMPLATE_ENGINES
from portal.content_security import CSP_DIRECTIVES, cookie_prefix
from portal.environment import Environment
from portal.log import FORMATTERS, LEVELS, logging_config
from portal.private_files import kept_secret, own_folder
from portal.schedule import beat_schedule
from portal.version import version

BASE_DIR: Path = folders.BASE_DIR
VERSION = version()
INSTALLED = folders.INSTALLED  # as a wheel
env = Environment()

# --- Which shape (docs/design.md) ----------------------------------------------------------------
EMBEDDED = env.bool("EMBEDDED", default=False)  # SQLite, file-system broker, sandbox gateway: for trials and tests
SANDBOX = EMBEDDED and not env.str("GATEWAY_URL", default="")  # `make run` starts a gateway of its own
DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("VAR_DIR", default=folders.default_var_dir())).resolve()  # all that the embedded mode writes
DATA_DIR = VAR_DIR / "sandbox" if SANDBOX else VAR_DIR  # data of the sandbox never meets a real gateway
if EMBEDDED:
    own_folder(VAR_DIR, surely=VAR_DIR.is_relative_to(folders.default_var_dir()))
    own_folder(DATA_DIR)


def embedded_default(value: str) -> str | environ.NoValue:
    """Return `value` in embedded mode, otherwise no default, so that a missing setting is named."""
    return value if EMBEDDED else environ.Env.NOTSET


def embedded_secret(name: str) -> str | environ.NoValue:
    """Return a random secret that stays the same for every start; none outside the embedded mode."""
    return kept_secret(DATA_DIR / name) if EMBEDDED else environ.Env.NOTSET


# --- Where it is -------------------------------------------------------------------------------
PORT = env.int("PORT", default=8000)
PORTAL_URL = env.str("PORTAL_URL", default=embedded_default(f"http://127.0.0.1:{PORT}")).rstrip("/")
_portal = urlsplit(PORTAL_URL)
PORTAL_PATH = f"{_portal.path}/"  # begins all addresses of the portal: "/", or "/passerelle/" (portal.urls, ADR 59)
HTTPS = _portal.scheme == "https"
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=1 if HTTPS else 0)  # whose X-Forwarded-For is trusted
ALLOWED_HOSTS = [_portal.hostname or "", *(["127.0.0.1", "localhost"] if EMBEDDED else [])]
CSRF_TRUSTED_ORIGINS = [f"{_portal.scheme}://{_portal.netloc}"]
SECRET_KEY = env.str("SECRET_KEY", default=embedded_secret("secret_key"))
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # former ones, whose signatures still count
ENCRYPTION_SECRETS = env.list("ENCRYPTION_SECRETS", default=[])  # of secrets in the database; empty: SECRET_KEY

# --- The web server (portal/serve.py) -------------------------------------------------------------
WEB_HOST = env.str("WEB_HOST", default="127.0.0.1")  # the address to listen on
WEB_PROCESSES = env.int("WEB_PROCESSES", default=1 if EMBEDDED else 2)
WEB_LEAVING_S = env.int("WEB_LEAVING_S", default=0 if EMBEDDED else 5)  # readiness says so, then the port closes
WEB_GRACE_S = env.int("WEB_GRACE_S", default=4 if EMBEDDED else 30)  # then; streams have half of it. `make run` waits 5
WEB_THREADS = env.int("WEB_THREADS", default=16)  # of each process: so many requests at once; streams hold none

# --- The gateway -------------------------------------------------------------------------------
SANDBOX_PORT = env.int("SANDBOX_PORT", default=4001)
GATEWAY_URL = env.str("GATEWAY_URL", default=embedded_default(f"http://127.0.0.1:{SANDBOX_PORT}"))
GATEWAY_ADMIN_KEY = env.str("GATEWAY_ADMIN_KEY", default=embedded_default("sk-sandbox-admin"))
GATEWAY_PUBLIC_URL = env.str("GATEWAY_PUBLIC_URL", default=GATEWAY_URL).rstrip("/")  # what people's programs call
GATEWAY_HTTP_HOSTS = env.list("GATEWAY_HTTP_HOSTS", default=[])  # gateways that may be called over plain http
GATEWAY_CONNECT_TIMEOUT_S = env.float("GATEWAY_CONNECT_TIMEOUT_S", default=3.0)
GATEWAY_READ_TIMEOUT_S = env.float("GATEWAY_READ_TIMEOUT_S", default=20.0)
GATEWAY_CALL_TIMEOUT_S = env.float("GATEWAY_CALL_TIMEOUT_S", default=25.0)  # as a whole, including retries
GATEWAY_CA_FILE = env.str("GATEWAY_CA_FILE", default="")  # PEM; in place of the usual authorities
GATEWAY_PROXY_URL = env.str("GATEWAY_PROXY_URL", default="")  # http://proxy.example.edu:3128; empty: none
GATEWAY_WAITING = "web.threads.gateway_call"  # surrounds each call
GATEWAY_OBSERVER = "web.metrics.observe_gateway_call"  # counts each call

# --- Keys --------------------------------------------------------------------------------------
KEY_RENEW_BEFORE_DAYS = env.int("KEY_RENEW_BEFORE_DAYS", default=7)  # from so long before its end a key can be renewed
KEY_RENEW_AFTER_DAYS = env.int("KEY_RENEW_AFTER_DAYS", default=30)  # until so long after it; then it is deleted
SUPERVISOR_GRACE_DAYS = env.int("SUPERVISOR_GRACE_DAYS", default=14)  # interns' keys work after their supervisor left
KEY_ANSWER_DEADLINE_S = env.int("KEY_ANSWER_DEADLINE_S", default=120)  # then an unanswered key action is repaired
KEY_ACTIONS_PER_HOUR = env.int("KEY_ACTIONS_PER_HOUR", default=60)  # of one person, of each kind
KEY_USE = "usage.my_keys.CountedUse"  # what the pages of keys show of usage (keys.use)
PRESET_CODE = "playground.preset_code.snippets_of"  # a course's preset as code (courses.first_call)

# --- The API for scripts (ADR 46) --------------------------------------------------------------
ACCESS_TOKEN_MAX_DAYS = env.int("ACCESS_TOKEN_MAX_DAYS", default=365)  # the longest lifetime of an access token
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=300)  # of one access token or gateway key
LEAK_REPORTS_GITHUB_KEYS_URL = env.str("LEAK_REPORTS_GITHUB_KEYS_URL", default="")  # empty: none of GitHub's (ADR 51)
LEAK_REPORTS_SECRET = env.str("LEAK_REPORTS_SECRET", default="")  # of other scanners; empty: none
WEBHOOK_RETENTION_DAYS = env.int("WEBHOOK_RETENTION_DAYS", default=30)  # of messages, sent or not
WEBHOOK_INTERNAL_HOSTS = env.list("WEBHOOK_INTERNAL_HOSTS", default=[])  # receivers at private addresses, or by http

# --- Usage -------------------------------------------------------------------------------------
USAGE_POLL_S = env.int("USAGE_POLL_S", default=60)  # between two polls of today; the cooldown may make it longer
USAGE_BACKFILL_DAYS = env.int("USAGE_BACKFILL_DAYS", default=400)  # read once, after the first start
SEMESTER_STARTS = env.list("SEMESTER_STARTS", default=["02-01", "09-01"])  # month and day; the period "semester"
PORTAL_BUDGET_USD = env.decimal("PORTAL_BUDGET_USD") or None  # a month, all keys; only warns
CURRENCY = env.str("CURRENCY", default="")  # of the lab, e.g. EUR: pages show it in place of USD
CURRENCY_RATE = env.decimal("CURRENCY_RATE")  # of a USD; empty: rates by day
CURRENCY_RATES = "usage.queries.rates.RATES"  # these (web.currency)
RUN_RETENTION_DAYS = env.int("RUN_RETENTION_DAYS", default=30)  # of polls and comparisons
DAILY_USAGE_RETENTION_DAYS = env.int("DAILY_USAGE_RETENTION_DAYS", default=0)  # then by month; 0: by day for good
UNUSUAL_SPEND_USD = env.decimal("UNUSUAL_SPEND_USD", default="5") or None  # a key's day below it is no news
UNUSUAL_SPEND_TO_ADMINS = env.bool("UNUSUAL_SPEND_TO_ADMINS", default=False)  # also to who sees everybody's usage

# --- Playground --------------------------------------------------------------------------------
PLAYGROUND_KEY_SECRET = env.str(  # the secrets of all Playground keys are derived from it
    "PLAYGROUND_KEY_SECRET",
    default=embedded_secret("playground_key_secret"),
)
PLAYGROUND_KEY_SECRET_FALLBACKS = env.list("PLAYGROUND_KEY_SECRET_FALLBACKS", default=[])  # of keys not yet replaced
PLAYGROUND_TITLE_MODEL = env.str("PLAYGROUND_TITLE_MODEL", default="")  # that gives conversations their titles
PLAYGROUND_TITLE_KEY = env.str("PLAYGROUND_TITLE_KEY", default="")  # of the gateway, which pays for that
PLAYGROUND_PROMPT_CHARS = env.int("PLAYGROUND_PROMPT_CHARS", default=100000)  # of a message, and of a system prompt
PLAYGROUND_IMAGES = env.int("PLAYGROUND_IMAGES", default=4)  # with one message
PLAYGROUND_IMAGE_MB = env.int("PLAYGROUND_IMAGE_MB", default=5)  # each
PLAYGROUND_CONVERSATION_IMAGE_MB = env.int("PLAYGROUND_CONVERSATION_IMAGE_MB", default=20)  # all files that it keeps
PLAYGROUND_FILES = env.int("PLAYGROUND_FILES", default=5)  # PDF, Word, text; with one message
PLAYGROUND_FILE_MB = env.int("PLAYGROUND_FILE_MB", default=10)  # each
PLAYGROUND_FILE_PAGES = env.int("PLAYGROUND_FILE_PAGES", default=300)  # of a PDF file
PLAYGROUND_FILE_CHARS = env.int("PLAYGROUND_FILE_CHARS", default=400000)  # of the text of one file
PLAYGROUND_FILE_READ_S = env.float("PLAYGROUND_FILE_READ_S", default=10.0)  # to read the files of one message
PLAYGROUND_FILE_MEMORY_MB = env.int("PLAYGROUND_FILE_MEMORY_MB", default=512)  # of a process that reads one
PLAYGROUND_FILE_READERS = env.int("PLAYGROUND_FILE_READERS", default=2)  # such processes of each web process
PLAYGROUND_FILE_READS_PER_HOUR = env.int("PLAYGROUND_FILE_READS_PER_HOUR", default=200)  # of one person
PLAYGROUND_METADATA_NAMES = env.list(  # none that LiteLLM reads: it interprets metadata
    "PLAYGROUND_METADATA_NAMES",
    default=["course", "exercise", "experiment", "group", "lab", "lesson", "note", "project", "topic", "week"],
)
PLAYGROUND_STORED_MB_PER_USER = env.int("PLAYGROUND_STORED_MB_PER_USER", default=100)  # in all conversations
PLAYGROUND_IMAGE_MB_PER_HOUR = env.int("PLAYGROUND_IMAGE_MB_PER_HOUR", default=50)  # of one person
PLAYGROUND_CONVERSATIONS_PER_HOUR = env.int("PLAYGROUND_CONVERSATIONS_PER_HOUR", default=60)  # new ones, of one person
PLAYGROUND_STREAMS_PER_USER = env.int("PLAYGROUND_STREAMS_PER_USER", default=3)  # at once
PLAYGROUND_STREAMS = env.int("PLAYGROUND_STREAMS", default=120 if EMBEDDED else 400)  # at once, of all people
PLAYGROUND_REQUESTS_PER_MINUTE = env.int("PLAYGROUND_REQUESTS_PER_MINUTE", default=20)  # of one person
PLAYGROUND_IDLE_TIMEOUT_S = env.float("PLAYGROUND_IDLE_TIMEOUT_S", default=120.0)  # of an answer without a new token
PLAYGROUND_UNWATCHED_S = env.float("PLAYGROUND_UNWATCHED_S", default=5.0)  # an answer continues without a page
PLAYGROUND_RETENTION_DAYS = env.int("PLAYGROUND_RETENTION_DAYS", default=30)  # a conversation, after its last use
PLAYGROUND_COMPARE_MODELS = env.int("PLAYGROUND_COMPARE_MODELS", default=4)  # of one comparison
PLAYGROUND_BATCH_PROMPTS = env.int("PLAYGROUND_BATCH_PROMPTS", default=200)  # of one batch
PLAYGROUND_BATCH_MODELS = env.int("PLAYGROUND_BATCH_MODELS", default=4)  # of one batch
PLAYGROUND_BATCH_CALLS = env.int("PLAYGROUND_BATCH_CALLS", default=4)  # at once, of all people
PLAYGROUND_BATCH_CALLS_PER_USER = env.int("PLAYGROUND_BATCH_CALLS_PER_USER", default=2)  # at once
PLAYGROUND_BATCH_CALL_S = env.float("PLAYGROUND_BATCH_CALL_S", default=120.0)  # for one answer
PLAYGROUND_TEMPORARY_HOURS = env.int("PLAYGROUND_TEMPORARY_HOURS", default=1)  # a temporary one

# --- Database (connections are pooled; a stream holds none) --------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default=embedded_default(f"sqlite:///{DATA_DIR / 'db.sqlite3'}"))}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits for its turn at BEGIN instead of failing at its first write
        "timeout": 20,  # s
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASES["default"]["CONN_MAX_AGE"] = None  # the last connection to close copies the whole log back: slow
else:
    DATABASES["default"]["ENGINE"] = "web.postgresql"  # Django's, for servers that restart, hang and become unavailable
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),
        "connect_timeout": 2,  # s
        "tcp_user_timeout": 5000,  # ms without a reply of the other machine
        "pool": {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", default=20),
            "timeout": 2.0,  # s; then it is checked whether the database is unavailable
            "reconnect_timeout": 1.0,  # s; then the next request for a connection tries
        },
    }
    DATABASES["default"]["CONN_MAX_AGE"] = 0  # the pool keeps them, whatever the address says
    # PgBouncer gives each transaction another connection, so that cursors of the server do not outlive one.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.bool("DATABASE_TRANSACTION_POOLING", default=False)
DATABASE_POOL_TIMEOUT_S = env.float("DATABASE_POOL_TIMEOUT_S", default=30.0)  # hundreds that start at once queue
DATABASE_ANSWER_TIMEOUT_S = env.float("DATABASE_ANSWER_TIMEOUT_S", default=5.0)  # in a page; tasks wait longer
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache, broker, tasks ------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default=embedded_default(""))
CACHES = {
    "default": {"BACKEND": "web.cache.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "sandbox" if SANDBOX else ""}
    if REDIS_URL
    else {"BACKEND": "web.cache.DatabaseCache", "LOCATION": "portal_cache", "OPTIONS": {"MAX_ENTRIES": 5000}}
}
CACHES["rendered"] = {  # answers as HTML, apart: their eviction must not remove rate limits
    **CACHES["default"],
    **({"KEY_PREFIX": "rendered"} if REDIS_URL else {"LOCATION": "portal_rendered"}),
}
BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
CELERY_BROKER_TRANSPORT = None if REDIS_URL else "portal.broker:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": 3600,
        "global_keyprefix": "sandbox:" if SANDBOX else "",
        "socket_connect_timeout": 2,  # s
        "socket_timeout": 5,  # s; the worker waits for one second at a time
        "max_retries": 1,  # to connect when publishing; the worker tries for ever
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.2,
    }
    if REDIS_URL
    else {"folder": str(BROKER_DIR), "polling_interval": 0.2}  # s
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_POOL = "threads" if EMBEDDED else "prefork"  # threads start at once; only prefork enforces limits
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=4 if EMBEDDED else 2)  # at once
CELERY_TASK_QUEUES = [Queue("celery"), Queue("polls"), Queue("webhooks")]  # a worker without -Q takes all
CELERY_TASK_ROUTES = {  # tasks that may read from the gateway for minutes: nothing else waits behind them
    name: {"queue": "polls"}
    for name in ("usage.refresh_*", "usage.reread_*", "usage.backfill", "usage.reconcile", "keys.sync")
} | {"webhooks.deliver": {"queue": "webhooks"}}  # which waits for servers of others
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "portal.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule.json")
CELERY_BEAT_SYNC_EVERY = 1  # task sent
CELERY_BEAT_MAX_LOOP_INTERVAL = 10  # s between two looks at the schedule
CELERY_BEAT_SCHEDULE = beat_schedule(usage_poll_s=USAGE_POLL_S)

HEALTH_PARTS = READINESS_PARTS

# --- Metrics (ADR 56); off while neither is set -----------------------------------------------------
METRICS_PORT = env.int("METRICS_PORT", default=0)  # of its own
METRICS_HOST = env.str("METRICS_HOST", default="127.0.0.1")  # the address of that port
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # of a scraper, for the portal's own port too

# --- The app -------------------------------------------------------------------------------------
INSTALLED_APPS = APPS
MIDDLEWARE = MIDDLEWARES
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES = TEMPLATE_ENGINES
SILENCED_SYSTEM_CHECKS = ["templates.W003"]  # two libraries of one name: portal.components names ours
SILENCED_SYSTEM_CHECKS += ["security.W005", "security.W021"]  # HSTS of all subdomains is a choice: a setting
FORM_RENDERER = "web.form_renderer.FormRenderer"  # templates/django/forms/ comes before Django's

# --- People ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.LocalAccounts"]
PASSWORD_HASHERS = [
    "accounts.hashers.PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",  # of earlier releases; replaced at the next sign-in
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "keys:index"
SIGNUP_OPEN = env.bool("SIGNUP_OPEN", default=False)  # can anybody create a local account?
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.adapters.InstitutionAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if SIGNUP_OPEN else "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_SESSION_REMEMBER = True  # for SESSION_COOKIE_AGE, without asking
ACCOUNT_CHANGE_EMAIL = True  # one address for each person; a new one counts when it is confirmed
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to addresses that strangers type in
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Passerelle] "
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "accounts.forms.SignUpForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password": "accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "add_email": "accounts.forms.AddressForm",
}
ACCOUNT_RATE_LIMITS = {  # a class of a hundred shares one address and starts in one minute; others as in allauth
    "login": "300/m/ip",  # failed attempts: accounts.limits
}
SOCIALACCOUNT_EMAIL_REQUIRED = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"  # the institution vouches for its people
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
SECOND_FACTOR_REQUIRED = env.bool("SECOND_FACTOR_REQUIRED", default=not EMBEDDED)  # of local accounts with permissions
FRESH_SIGN_IN_MINUTES = env.int("FRESH_SIGN_IN_MINUTES", default=0 if EMBEDDED else 15)  # before actions that do much
MFA_ADAPTER = "accounts.second_factor_adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # half minutes by which a phone's clock may be wrong
MFA_RECOVERY_CODE_COUNT = 10
AUDIT_RETENTION_DAYS = env.int("AUDIT_RETENTION_DAYS", default=0)  # of the trail; 0: for good
NOTICE_RETENTION_DAYS = env.int("NOTICE_RETENTION_DAYS", default=0)  # of what people were noticed of; 0: for good
SIGN_IN_RETENTION_DAYS = env.int("SIGN_IN_RETENTION_DAYS", default=30)  # sign-ins are kept for admins and their person
LEAVING_UNUSED_DAYS = env.int("LEAVING_UNUSED_DAYS", default=365)  # without use an account is leaving; 0: never
LEAVING_GRACE_DAYS = env.int("LEAVING_GRACE_DAYS", default=30)  # from the warning to the deactivation
LEAVING_MAX_PERCENT = env.int("LEAVING_MAX_PERCENT", default=10)  # of the accounts; more at once is a mistake
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")  # e.g. https://sso.example.edu/realms/main; empty: local accounts only
OIDC_NAME = env.str("OIDC_NAME", default="")  # as in "Sign in with Example University"
_oidc_default = environ.Env.NOTSET if OIDC_ISSUER else ""
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default=_oidc_default)
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default=_oidc_default)
OIDC_SCOPES = env.str("OIDC_SCOPES", default="openid profile email").replace(",", " ").split()
OIDC_TRUST_EMAIL = env.bool("OIDC_TRUST_EMAIL", default=False)  # an address that it does not deny
OIDC_GROUPS_CLAIM = env.str("OIDC_GROUPS_CLAIM", default="groups")
OIDC_GROUPS_ALLOWED = env.list("OIDC_GROUPS_ALLOWED", default=[])  # that it may give; empty: those without permissions
OIDC_REMOVE_MISSING_GROUPS = env.bool("OIDC_REMOVE_MISSING_GROUPS", default=False)  # where no claim means no group
IDENTITY_PROVIDERS = read_providers(env.str("IDENTITY_PROVIDERS", default=""))  # others, as TOML

# --- Language, time ---------------------------------------------------------------------------------
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")  # for those who chose none, and whose browser asks for none, of:
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE, LANGUAGE_COOKIE_SAMESITE = 365 * 24 * 3600, "Lax"  # s
TIME_ZONE = env.str("TIME_ZONE", default="UTC")  # for those who chose none; the last day of a stay is one of it

# --- Static files -------------------------------------------------------------------------------------
STATIC_URL = f"{PORTAL_PATH}static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=folders.COLLECTED_STATIC or str(VAR_DIR / "static")))
STATICFILES_DIRS = [] if folders.INSTALLED else [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    *([] if folders.INSTALLED else ["web.npm.NpmFinder"]),
]
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # pages name no others, and compressing those too takes twice as long
IMAGE_DIR = Path(env.str("IMAGE_DIR", default=str(DATA_DIR / "images")))
IMAGE_STORAGE = env.str("IMAGE_STORAGE", default="django.core.files.storage.FileSystemStorage")
IMAGE_STORAGE_OPTIONS = env.json(
    "IMAGE_STORAGE_OPTIONS",
    default={"location": str(IMAGE_DIR), "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # no uploads
    "staticfiles": {"BACKEND": "web.npm.HashedStaticFiles"},
    "images": {"BACKEND": IMAGE_STORAGE, "OPTIONS": IMAGE_STORAGE_OPTIONS},  # web.files; they have no URL
}

# --- Mail ---------------------------------------------------------------------------------------------
EMAIL_URL = env.email_url("EMAIL_URL", default="filemail://" if EMBEDDED else environ.Env.NOTSET)
EMAIL_BACKEND = {
    "django.core.mail.backends.console.EmailBackend": "web.mail.ConsoleBackend",
    "django.core.mail.backends.filebased.EmailBackend": "web.mail.FileBackend",
    "django.core.mail.backends.smtp.EmailBackend": "web.mail.SmtpBackend",
}.get(EMAIL_URL["EMAIL_BACKEND"], EMAIL_URL["EMAIL_BACKEND"])
EMAIL_HOST, EMAIL_PORT = EMAIL_URL["EMAIL_HOST"], EMAIL_URL["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL_URL["EMAIL_HOST_USER"], EMAIL_URL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_URL.get("EMAIL_USE_TLS", False), EMAIL_URL.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = EMAIL_URL["EMAIL_FILE_PATH"] or str(DATA_DIR / "mail")  # of filemail://
EMAIL_TIMEOUT = 20  # s
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"passerelle@{_portal.hostname}")

# --- Safety ---------------------------------------------------------------------------------------------
_cookie_prefix = cookie_prefix(PORTAL_PATH, https=HTTPS)
SESSION_COOKIE_NAME = f"{_cookie_prefix}session"
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrf"
LANGUAGE_COOKIE_NAME = f"{_cookie_prefix}language"
THEME_COOKIE_NAME = f"{_cookie_prefix}theme"
BROWSER_COOKIE_NAME = f"{_cookie_prefix}browser"  # proves that somebody has signed in here before (accounts.limits)
MESSAGES_COOKIE_NAME = f"{_cookie_prefix}messages"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = PORTAL_PATH
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "web.messages.NewestMessages"
SESSION_ENGINE = "web.sessions"
SESSION_COOKIE_AGE = 12 * 3600  # s
CSRF_FAILURE_VIEW = "web.errors.csrf_failure"
DEFAULT_EXCEPTION_REPORTER = "web.reports.SecretFreeReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "web.reports.SecretFreeReports"
SECURE_SSL_REDIRECT = HTTPS
# Balancers and scrapers call these without TLS:
SECURE_REDIRECT_EXEMPT = [rf"^{PORTAL_PATH.removeprefix('/')}(healthz/|metrics$)"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
CONTENT_SECURITY_POLICY = {"DIRECTIVES": CSP_DIRECTIVES}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes; files have a limit of their own
MAX_BODY_BYTES = (PLAYGROUND_CONVERSATION_IMAGE_MB + 5) * 1024 * 1024  # of a whole request (web.bodies)

# --- Log: one line an event, on standard error; never a body, a header or a form -----------------------
LOGGING_CONFIG = "web.logs.configure"  # no line contains a secret
LOG_LEVEL = env.choice("LOG_LEVEL", choices=LEVELS, default="INFO")
LOG_FORMAT = env.choice("LOG_FORMAT", choices=tuple(FORMATTERS), default="LINE")
LOG_REQUESTS = env.bool("LOG_REQUESTS", default=LOG_FORMAT == "JSON")  # a line for each; proxies write one too
LOGGING = logging_config(LOG_LEVEL, LOG_FORMAT)

# --- Reports of errors, traces: off unless set; without anything private (portal/telemetry.py) ----------
SENTRY_DSN = env.str("SENTRY_DSN", default="")
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")  # http://collector:4318
