"""How gunicorn serves the portal; it finds this file by its name. The numbers are settings (docs/settings.md)."""

from portal.start import load_settings

settings = load_settings()

wsgi_app = "portal.wsgi"
bind = f"{settings.WEB_HOST}:{settings.PORT}"
worker_class = "gthread"  # a thread a request, so that a stream costs a thread and not a process
workers = settings.WEB_PROCESSES
threads = settings.WEB_THREADS
keepalive = 5  # s
graceful_timeout = 30  # s; running answers may end
control_socket_disable = True
