"""The client of the LiteLLM gateway: typed verbs over HTTP, and errors that say what to do.

Knows nothing of Django but in `django.py` and the command `check_gateway`, and nothing of our apps.
"""
