"""What a person typed, checked: the message, its images, the model and the parameters."""

from playground.forms.ask import AskForm, ParameterField, field_of

__all__ = ["AskForm", "ParameterField", "field_of"]
