"""What a person typed, checked: the message, its images, the model and the parameters."""

from playground.forms.ask import AskForm, ParameterField

__all__ = ["AskForm", "ParameterField"]
