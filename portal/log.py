"""The logging configuration. Knows no setting."""

from typing import Any, Final

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
OUR_PACKAGES: Final = (
    "portal",
    "people",
    "approvals",
    "notices",
    "playground",
    "usage",
    "courses",
    "teaching",
    "catalogue",
    "api",
    "keys",
    "accounts",
    "web",
    "webhooks",
    "scim",
    "gateway",
)


FORMATTERS: Final = {"LINE": "web.log_formats.LineFormatter", "JSON": "web.log_formats.JsonFormatter"}


def logging_config(level: str, form: str) -> dict[str, Any]:
    """Return `LOGGING`: one line for each event, on standard error, from `level` on; of a form of FORMATTERS.

    Other libraries log at INFO and above only: their debug lines contain URLs with keys in them, statements with
    their values, the arguments of tasks.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": FORMATTERS[form]}},
        "filters": {
            "refusals_in_one_line": {"()": "web.logs.RefusalsInOneLine"},
            "without_outages": {"()": "web.outage.WithoutOutages"},
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals_in_one_line"]}
        },
        "root": {"handlers": ["stderr"], "level": "INFO" if level == "DEBUG" else level},
        "loggers": {
            "django.server": {"handlers": [], "propagate": True},
            "django.request": {"filters": ["without_outages"]},
            "psycopg.pool": {"level": "ERROR"},  # each attempt to connect again; web.outage has one line a minute
            **{name: {"level": level} for name in OUR_PACKAGES},
        },
    }
