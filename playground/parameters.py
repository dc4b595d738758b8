"""The parameters that a person may set: each with its name, range, usual value, and an explanation.

Names are those of the gateway's API on purpose: people find them again in the code. Of the parameters in LiteLLM's
own description of a chat, these are not here: functions and function_call (tools replaced them), logprobs and
top_logprobs (no page shows them), service_tier, num_retries, caching and fallbacks (for the gateway's operator to
decide), guardrails (needs a licence), user (set by the portal itself).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Kind = Literal["range", "whole", "choice", "check", "lines", "json"]

LONGEST_ANSWER: Final = 1_000_000  # tokens, if the gateway does not report a model's own limit
USUAL_ANSWER: Final = 4096  # where a slider of that length would be of no use
LARGEST_SEED: Final = 2**63 - 1
STOPS: Final = 4
STOP_CHARS: Final = 200
METADATA_LINES: Final = 16
METADATA_NAME_CHARS: Final = 64
METADATA_VALUE_CHARS: Final = 512
JSON_CHARS: Final = 50_000
JSON_DEPTH: Final = 32  # levels of lists and objects
TOOLS: Final = 64
BIASES: Final = 300
PERSONAL: Final = ("metadata",)  # of the person who sends, not of a preset or a link


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter. `default` is the position of a slider while nothing is set; nothing is then sent."""

    name: str
    label: str | Promise
    help_text: str | Promise
    kind: Kind
    low: float | None = None
    high: float | None = None
    step: float | None = None
    default: float | None = None
    choices: tuple[tuple[str, str | Promise], ...] = ()
    main: bool = False  # shown at once; the others are folded
    completion: bool = True  # also for a completion, not only for a chat

    @property
    def sent_as(self) -> str:
        """Return its name in the request."""
        return "response_format" if self.name == "json" else self.name


MODELS_OWN: Final = ("", _("model’s default"))

PARAMETERS: Final[Mapping[str, Parameter]] = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            name="temperature",
            label="temperature",
            help_text=_("0: predictable. 1: more varied. Above 1: more random."),
            kind="range",
            low=0,
            high=2,
            step=0.1,
            default=1,
            main=True,
        ),
        Parameter(
            name="max_tokens",
            label="max_tokens",
            help_text=_("Longest answer. 400 tokens are about 300 words."),
            kind="whole",
            low=1,
            high=LONGEST_ANSWER,
            step=1,
            main=True,
        ),
        Parameter(
            name="top_p",
            label="top_p",
            help_text=_("Below 1: only the likelier words. Set this or temperature, not both."),
            kind="range",
            low=0,
            high=1,
            step=0.05,
            default=1,
            main=True,
        ),
        Parameter(
            name="stop",
            label="stop",
            help_text=_("The answer ends before any of these texts. Up to four, one a line; \\n is a line break."),
            kind="lines",
        ),
        Parameter(
            name="presence_penalty",
            label="presence_penalty",
            help_text=_("Above 0: new words are preferred to words already used."),
            kind="range",
            low=-2,
            high=2,
            step=0.1,
            default=0,
        ),
        Parameter(
            name="frequency_penalty",
            label="frequency_penalty",
            help_text=_("Above 0: the more often a word was used, the less likely it is repeated."),
            kind="range",
            low=-2,
            high=2,
            step=0.1,
            default=0,
        ),
        Parameter(
            name="seed",
            label="seed",
            help_text=_("The same number, the same request: nearly the same answer."),
            kind="whole",
            low=-LARGEST_SEED,
            high=LARGEST_SEED,
            step=1,
        ),
        Parameter(
            name="n",
            label="n",
            help_text=_("Answers to each message, 1 to 4. Each one costs."),
            kind="whole",
            low=1,
            high=4,
            step=1,
            default=1,
        ),
        Parameter(
            name="json",
            label=_("Answer in JSON"),
            help_text=_("Sent as response_format. Say in the message, too, that you want JSON."),
            kind="check",
            completion=False,
        ),
        Parameter(
            name="reasoning_effort",
            label="reasoning_effort",
            help_text=_("How long a model that can reason may think. Thinking costs tokens."),
            kind="choice",
            choices=(MODELS_OWN, ("low", _("low")), ("medium", _("medium")), ("high", _("high"))),
            completion=False,
        ),
        Parameter(
            name="tools",
            label="tools",
            help_text=_("Functions that the model may ask you to call: a JSON list, as in OpenAI’s API."),
            kind="json",
            completion=False,
        ),
        Parameter(
            name="tool_choice",
            label="tool_choice",
            help_text=_("Whether it may, must or must not call one of the tools."),
            kind="choice",
            choices=(
                MODELS_OWN,
                ("auto", _("auto: it may")),
                ("required", _("required: it must")),
                ("none", _("none: it must not")),
            ),
            completion=False,
        ),
        Parameter(
            name="parallel_tool_calls",
            label="parallel_tool_calls",
            help_text=_("Whether it may call several tools at once."),
            kind="choice",
            choices=(MODELS_OWN, ("true", _("true: several at once")), ("false", _("false: one at a time"))),
            completion=False,
        ),
        Parameter(
            name="logit_bias",
            label="logit_bias",
            help_text=_("Makes tokens likelier or rarer: a JSON object, token number to −100 … 100."),
            kind="json",
        ),
        Parameter(
            name="metadata",
            label="metadata",
            help_text=_(
                "Sent with the request to the gateway’s logs. One per line: course = physics. No passwords, no keys."
            ),
            kind="lines",
            completion=False,
        ),
    )
}
