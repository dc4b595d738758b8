"""Forms of the Playground: the message, its files, the model and the parameters."""

from playground.forms.ask import AskForm, BoxForm, ParameterField, field_of, typed_value
from playground.forms.chat import ChatForm

__all__ = ["AskForm", "BoxForm", "ChatForm", "ParameterField", "field_of", "typed_value"]
