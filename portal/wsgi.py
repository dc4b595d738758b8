"""The WSGI entry point: `gunicorn portal.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from portal.start import refuse_what_is_wrong
from web.bodies import read_body_first

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = read_body_first(get_wsgi_application())
refuse_what_is_wrong(database=False)  # gunicorn.conf.py looks at the database, before it listens
get_resolver().url_patterns  # noqa: B018  (loads all views now, not with the first request: forked processes share them)
