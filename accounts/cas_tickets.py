"""CAS 2 and 3: where a sign-in starts, and whom a ticket is for. Knows no account.

Imported only where a CAS server is set up.
"""

from typing import Any
from xml.etree.ElementTree import ParseError

from cas import CASClient
from requests import Session

from accounts.identity_providers import Cas


def sign_in_address(provider: Cas, service: str, *, fresh: bool) -> str:
    """Return where the browser is sent; it comes back to `service` with a ticket; `fresh`: of a new sign-in."""
    client = _client(provider, service, None)
    client.renew = fresh
    return str(client.get_login_url())


def verify(provider: Cas, service: str, ticket: str, session: Session) -> tuple[str, dict[str, list[str]]] | None:
    """Return subject and attributes of whom the server has given this ticket for this service; None for no valid one.

    A ticket is valid once. Raises RequestException, or ValueError or LookupError for an invalid answer.
    """
    try:
        user, values, _ticket = _client(provider, service, session).verify_ticket(ticket)
    except (ParseError, AttributeError) as error:  # a success without a user is read as an attribute of None
        raise ValueError("the answer is no XML, or names nobody") from error
    if not user:
        return None
    attributes = {"user": [str(user)]}
    for name, value in (values or {}).items():
        texts = [text for text in (value if isinstance(value, list) else [value]) if text]
        attributes.setdefault(name, texts)
    return attributes[provider.subject][0], attributes


def _client(provider: Cas, service: str, session: Session | None) -> Any:
    address = f"{provider.server.rstrip('/')}/"
    return CASClient(version=provider.version, service_url=service, server_url=address, session=session)
