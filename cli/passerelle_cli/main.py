"""The commands: sign in and out, keys, usage, a key for the environment, and a chat with a model."""

import json
import os
import shlex
import socket
import sys
import uuid
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import Annotated, Any, Final, ParamSpec

import httpx
import typer

from passerelle_cli import store
from passerelle_cli.portal import NO_ANSWER, NOT_SIGNED_IN, TIMEOUT_S, Failure, Portal, check_secret, sign_in, signed_in
from passerelle_cli.words import say

app = typer.Typer(no_args_is_help=True, help="Keys and usage of a Passerelle portal.", pretty_exceptions_enable=False)
keys = typer.Typer(no_args_is_help=True, help="Your keys.")
app.add_typer(keys, name="keys")
KeyName = Annotated[str, typer.Argument(help="Label of the key, or at least the first eight characters of its id.")]
P = ParamSpec("P")
AS_JSON: Final = "json"
ID_SHOWN: Final = 8  # characters of an id in lists


def command(group: typer.Typer, name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Register a command that says why it failed, and exits with the code of the failure."""

    def decorate(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def run(*arguments: P.args, **named: P.kwargs) -> None:
            try:
                function(*arguments, **named)
            except Failure as failure:
                typer.echo(str(failure), err=True)
                raise typer.Exit(failure.code) from failure

        group.command(name)(run)
        return run

    return decorate


@app.callback()
def main(context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Keep the options that stand before the command."""
    context.obj = {AS_JSON: as_json}


@command(app, "login")
def login(
    url: Annotated[str, typer.Argument(help="Address of the portal.", envvar="PASSERELLE_URL")],
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Sign in: confirm a code in the browser. The token is stored, shown nowhere, and replaces an earlier one."""

    def show(page: str, code: str) -> None:
        typer.echo(say("Open %s and confirm this code:", page), err=True)
        typer.echo(f"\n    {code}\n", err=True)
        if browser:
            webbrowser.open(page)

    earlier = store.stored()
    credentials = sign_in(url.rstrip("/"), f"passerelle on {socket.gethostname()}"[:60], show)
    try:
        store.save(credentials)
    except OSError as error:
        _revoke(credentials)
        raise Failure(say("The access token cannot be stored: %s", error)) from error
    if earlier:
        with suppress(Failure):  # the new token works, and the list in the account has both
            _revoke(earlier)
    typer.echo(say("Signed in as %s.", Portal(credentials).call("GET", "/me")["username"]), err=True)


@command(app, "logout")
def logout() -> None:
    """Revoke the access token of the last sign-in, and delete it from this machine."""
    kept = store.stored()
    if not store.forget():
        raise Failure(say("You were not signed in."))
    if kept:
        _revoke(kept)
    typer.echo(say("Signed out."), err=True)


def _revoke(kept: store.Credentials) -> None:
    """Revoke an access token, if it still works. Raises Failure."""
    try:
        Portal(kept).call("DELETE", "/me/access-token")
    except Failure as failure:
        if failure.code != NOT_SIGNED_IN:
            page = f"{kept.url}/account/access-tokens/"
            words = say("Signed out here, but the access token still works. Revoke it in your account: %s", page)
            raise Failure(f"{failure}\n{words}", failure.code) from failure


@command(app, "usage")
def usage(context: typer.Context) -> None:
    """Show what you have spent of your budget, and what is left."""
    found = signed_in().call("GET", "/me/usage")
    if not _shown_as_json(context, found):
        left = f"{found['left_usd']} USD" if found["left_usd"] is not None else say("no limit")
        typer.echo(f"{say('spent')}  {found['spent_usd'] or '0'} USD\n{say('left')}  {left}")


@command(keys, "list")
def list_keys(context: typer.Context) -> None:
    """List your keys."""
    found = list(signed_in().each("/me/keys"))
    if _shown_as_json(context, found):
        return
    for key in found:
        spent = f"{key['spent_usd'] or '0'}/{key['budget_usd'] or '∞'} USD"
        typer.echo(f"{key['id'][:ID_SHOWN]}  {key['label']}  {key['state_words']}  {spent}  {key['expires_at'] or ''}")
    if not found:
        typer.echo(say("No keys."), err=True)


@command(keys, "create")
def create(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="What the key is for.")],
    kind: Annotated[str, typer.Option(help="personal or temporary.")] = "",
    budget: Annotated[str, typer.Option(help="USD; at most what your policy gives.")] = "",
    model: Annotated[list[str] | None, typer.Option(help="A model of the key; several times for several.")] = None,
) -> None:
    """Create a key, and show its secret, once."""
    _show_secret(context, _create(signed_in(), label, kind, budget, model or []))


@command(keys, "renew")
def renew(context: typer.Context, key: KeyName) -> None:
    """Renew a key for another lifetime."""
    portal = signed_in()
    renewed = portal.call("POST", f"/me/keys/{_find(portal, key)['id']}/renew")
    if not _shown_as_json(context, renewed):
        typer.echo(f"{renewed['label']}  {renewed['expires_at']}")


@command(keys, "replace")
def replace(
    context: typer.Context, key: KeyName, leaked: Annotated[bool, typer.Option(help="End the old secret now.")] = False
) -> None:
    """Give a key a new secret, and show it, once."""
    portal = signed_in()
    path = f"/me/keys/{_find(portal, key)['id']}/replace"
    _show_secret(context, portal.call("POST", path, {"leaked": leaked}, **_once()))


@command(keys, "delete")
def delete(key: KeyName) -> None:
    """Delete a key: programs that use it stop."""
    portal = signed_in()
    found = _find(portal, key)
    portal.call("DELETE", f"/me/keys/{found['id']}")
    typer.echo(say("Deleted: %s", found["label"]), err=True)


@command(app, "env")
def env(label: Annotated[str, typer.Argument(help="Label of the new key.")] = "") -> None:
    """Create a temporary key, and print lines that set it in a shell: eval "$(passerelle-cli env)"."""
    portal = signed_in()
    address = portal.call("GET", "/me")["base_url"]
    label = label or f"{socket.gethostname()[:30]} {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    made = _create(portal, label, "temporary", "", [])
    for name, value in (("OPENAI_API_KEY", made["secret"]), ("OPENAI_BASE_URL", address)):
        typer.echo(f"export {name}={shlex.quote(value)}")


@command(app, "chat")
def chat(
    model: Annotated[str, typer.Option(help="Name of the model.", envvar="PASSERELLE_MODEL")],
    question: Annotated[str, typer.Argument(help="What to ask; otherwise the standard input.")] = "",
) -> None:
    """Ask a model, straight at the gateway, with the key in OPENAI_API_KEY."""
    secret = os.environ.get("OPENAI_API_KEY", "").strip()
    check_secret(secret)
    if not secret:
        raise Failure(say('Set OPENAI_API_KEY first, for example by: eval "$(passerelle-cli env)"'), 2)
    text = question or sys.stdin.read().strip()
    if not text:
        raise Failure(say("There is no question."), 2)
    address = os.environ.get("OPENAI_BASE_URL") or signed_in().call("GET", "/me")["base_url"]
    shown = False
    try:
        for piece in _answer(address.rstrip("/"), secret, model, text):
            typer.echo(piece, nl=False)
            shown = True
    finally:
        if shown:
            typer.echo()


def _answer(address: str, secret: str, model: str, text: str) -> Iterator[str]:
    """Yield the answer of a model while it comes. Raises Failure."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True}
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"{address}/chat/completions"
    try:
        with httpx.stream("POST", url, json=body, headers=headers, timeout=TIMEOUT_S) as answer:
            if not answer.is_success:
                raise Failure(say("The gateway refused: %s", answer.read().decode(errors="replace")[:500]))
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    yield _text_of(json.loads(line[6:]))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Failure(say("%s does not answer: %s", address, error), NO_ANSWER) from error


def _text_of(event: dict[str, Any]) -> str:
    """Return the text of an event of a stream. Raises Failure for an error, after which the gateway sends no more."""
    if error := event.get("error"):
        words = error.get("message") if isinstance(error, dict) else error
        raise Failure(say("The gateway refused: %s", str(words)[:500]))
    deltas = [choice.get("delta") or {} for choice in event.get("choices") or []]
    return "".join(delta.get("content") or "" for delta in deltas)


def _create(portal: Portal, label: str, kind: str, budget: str, models: list[str]) -> Any:
    given = {"label": label, "kind": kind, "budget_usd": budget or None, "model_names": models}
    return portal.call("POST", "/me/keys", given, **_once())


def _once() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def _find(portal: Portal, name: str) -> Any:
    """Return the key with this label, or whose id begins so. Raises Failure."""
    start = name.lower() if len(name) >= ID_SHOWN else None  # a shorter one, or none, would hit a key by chance
    own = portal.each("/me/keys")
    found = [key for key in own if key["label"] == name or (start and key["id"].startswith(start))]
    exact = [key for key in found if key["label"] == name] or found
    if len(exact) == 1:
        return exact[0]
    raise Failure(say("Several keys begin with “%s”." if exact else "There is no key “%s”.", name))


def _show_secret(context: typer.Context, made: Any) -> None:
    if not _shown_as_json(context, made):
        typer.echo(f"{made['key']['label']}  {made['key']['id']}", err=True)
        typer.echo(say("Secret, shown once: %s", made["secret"]))


def _shown_as_json(context: typer.Context, found: Any) -> bool:
    if context.obj[AS_JSON]:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return bool(context.obj[AS_JSON])
