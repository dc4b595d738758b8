"""One inference call from the key's check to the bill."""

import secrets
import time
from typing import Any

from starlette.requests import Request

from sandbox.answers import count_words, limit_of, text_of
from sandbox.auth import Caller, allow_spending, authenticate, route_of
from sandbox.catalogue import MODELS, Model
from sandbox.config import VERSION, usd
from sandbox.errors import RefusalError, error
from sandbox.failures import LoggedCall, error_information
from sandbox.holds import MOST_TOKENS, Budget, budgets_of
from sandbox.ledger import Usage
from sandbox.limits import Ticket
from sandbox.records import Key
from sandbox.state import State, state_of

Json = dict[str, Any]


class Call:
    """The state of a call; `refuse` and `finish` record it in the ledger, once."""

    def __init__(self, request: Request, caller: Caller, body: Json) -> None:
        self.state: State = state_of(request)
        self.key: Key | None = caller.key
        self.body = body
        self.route = route_of(request)
        self.call_id = request.headers.get("x-litellm-call-id") or secrets.token_hex(16)
        self.model: Model | None = None
        self.ticket: Ticket | None = None
        self._budgets: list[Budget] = []
        self._held_pusd = 0
        self._started = time.monotonic()

    @property
    def _took_ms(self) -> int:
        return round((time.monotonic() - self._started) * 1000)

    def reserve(self, prompt_tokens: int) -> None:
        """Reserve the maximum cost of the call in the budgets."""
        if self.key is not None and self.model is not None:
            most = 0 if self.model.mode != "chat" else limit_of(self.body) or MOST_TOKENS
            self._budgets = budgets_of(self.key, self.state.people.team(self.key.team_id))
            self._held_pusd = self.state.holds.take(self._budgets, self.cost_pusd(prompt_tokens, most))

    def _write(self, **counted: int) -> None:
        model = self.model
        self.state.holds.release(self._budgets, self._held_pusd)
        self.state.ledger.record(
            self.key,
            Usage(
                user_id=(self.key and self.key.user_id) or "",
                token=self.key.token if self.key else "litellm_proxy_master_key",
                model=model.name if model else str(self.body.get("model") or ""),
                upstream=model.upstream if model else "",
                provider=model.provider if model else "unknown",
                endpoint=self.route,
                **counted,
            ),
        )
        if self.key is not None:
            self.state.people.charge(str(self.key.user_id), counted.get("spend_pusd", 0))

    def finish(
        self, prompt_tokens: int, completion_tokens: int, *, cached_tokens: int = 0, failed: bool = False
    ) -> None:
        """Charge the call."""
        cost = self.cost_pusd(prompt_tokens, completion_tokens)
        self.state.limits.release(self.ticket, used_tokens=prompt_tokens + completion_tokens)
        self._write(
            spend_pusd=cost,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cached_tokens=cached_tokens,
            successes=int(not failed),
            failures=int(failed),
            took_ms=0 if failed else self._took_ms,
        )
        if failed:
            self._log(error=error_information(None))
        else:
            tokens = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
            self._log(spend_usd=usd(cost), took_ms=self._took_ms, **tokens)

    def _log(self, **about: Any) -> None:
        if self.key is not None:
            now, name = self.state.clock.now(), str(self.body.get("model") or "")
            self.state.call_log.append(LoggedCall(key=self.key, model=name, at=now, **about))

    def refused(self, refusal: RefusalError, *, cause: RefusalError | None = None) -> RefusalError:
        """Record a failure, and give its response the headers of a call with an accepted key."""
        self._log(error=error_information(cause or refusal))
        self.state.limits.release(self.ticket, used_tokens=0)
        self._write(failures=1)
        refusal.headers |= {**self._key_headers(0), "x-litellm-response-cost": "0"}
        return refusal

    def cost_pusd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Price these tokens."""
        return self.model.cost_pusd(prompt_tokens, completion_tokens) if self.model else 0

    def _key_headers(self, cost_pusd: int) -> dict[str, str]:
        headers = {"x-litellm-call-id": self.call_id}
        if self.key is not None:
            limits = {"tpm-limit": self.key.tpm_limit, "rpm-limit": self.key.rpm_limit}
            budget = None if self.key.max_budget is None else float(self.key.max_budget)
            shown = {**limits, "max-budget": budget, "spend": usd(self.key.spend_pusd + cost_pusd)}
            headers |= {f"x-litellm-key-{name}": str(value) for name, value in shown.items() if value is not None}
        return headers

    def headers(self, cost_pusd: int | None) -> dict[str, str]:
        """Return the headers of an answer; the cost is not known yet when a stream begins."""
        headers = self._key_headers(cost_pusd or 0)
        if self.model is not None:
            headers["x-litellm-model-id"] = self.model.upstream.encode().hex()
            headers["x-litellm-model-group"] = self.model.name
            headers["x-litellm-model-name"] = self.model.upstream
        if cost_pusd is not None:
            headers["x-litellm-response-cost"] = str(usd(cost_pusd))
        headers |= {"x-litellm-version": VERSION, "x-litellm-attempted-retries": "0"}
        headers |= {"x-litellm-response-duration-ms": str(self._took_ms), "x-litellm-overhead-duration-ms": "0.5"}
        return headers | (self.ticket.headers if self.ticket else {})


def open_call(request: Request, body: Json, *, needs: str) -> Call:
    """Admit a call: key, models, budget, limits, then required fields of the body."""
    try:
        caller = authenticate(request)
    except RefusalError as refusal:
        _note_stranger(request, refusal)
        raise
    call = Call(request, caller, body)
    name = body.get("model")
    try:
        allow_spending(request, caller, *([str(name)] if name else []))
    except RefusalError as refusal:
        call.refused(RefusalError(0, None), cause=refusal)
        raise
    call.model = MODELS.get(str(name))
    try:
        _admit(call, needs)
    except RefusalError as refusal:
        raise call.refused(refusal) from None
    return call


def _admit(call: Call, needs: str) -> None:
    prompt_tokens = count_words(text_of(call.body.get(needs)))
    if call.key is not None:
        limit = limit_of(call.body)
        call.ticket = call.state.limits.admit(call.key, prompt_tokens=prompt_tokens, max_tokens=limit)
    if needs not in call.body:
        raise error(400, f"{call.route}: Missing required parameter: '{needs}'.", "invalid_request_error", needs)
    if call.model is None:
        message = (
            f"{call.route}: Invalid model name passed in model={call.body.get('model')}. "
            "Call `/v1/models` to view available models for your key."
        )
        raise error(400, message, "invalid_request_error", provider_specific_fields={"error": message})
    call.reserve(prompt_tokens)


def _note_stranger(request: Request, refusal: RefusalError) -> None:
    """Record a failed call under the hash of a wrong key, as LiteLLM does."""
    if not isinstance(refusal.body, dict) or refusal.body.get("error", {}).get("type") != "token_not_found_in_db":
        return
    token = str(refusal.body["error"]["message"]).partition("(Token) =")[2].partition(".")[0]
    usage = Usage(
        user_id="", token=token, model="", upstream="", provider="unknown", endpoint=route_of(request), failures=1
    )
    state_of(request).ledger.record(None, usage)
