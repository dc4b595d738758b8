"""Conversations with content, for tests of layout."""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from accounts.models import User
from keys.services import playground_secret
from playground.models import Conversation
from tests.keys.actions import BY_TEST
from tests.playground import rows

MODEL = "general_nothink"
OTHERS = {"Names for a cat robot": 3, "Interview guide, first draft": 40, "Regex for course codes": 70}  # hours ago
ANSWER = r"""Subtract the mean from each value, square, and average the squares:

$$s^2 = \frac{1}{n-1} \sum_{i=1}^{n} (x_i - \bar{x})^2$$

In Python that is one line, since `statistics` is part of it:

```python
from statistics import mean, variance

heights = [1.62, 1.71, 1.68, 1.80, 1.75]
print(mean(heights), variance(heights))  # 1.712 0.00467
```

| value | in words | unit |
|-------|----------|------|
| mean | where the middle is | m |
| variance | how far they spread | m² |
"""


def some_conversations(owner: User) -> Conversation:
    """Give somebody conversations of some days; return the last, with formula, code and table."""
    playground_secret(owner=owner, actor=BY_TEST)
    for title, hours in OTHERS.items():
        at = timezone.now() - timedelta(hours=hours)
        rows.conversation(owner, (title, "Yes."), model=MODEL, used_at=at)
    asked = "How do I compute a variance, and what does it tell me?"
    conversation = rows.conversation(owner, (asked, ANSWER), model=MODEL, title="Variance, explained")
    setup = {"system": "Be brief, and show the code.", "temperature": 0.7, "max_tokens": 400}
    conversation.parameters = rows.parameter_set(owner, setup)
    conversation.save(update_fields=["parameters"])
    answer = rows.last_answer(conversation)
    answer.first_token_ms, answer.took_ms = 410, 3_400
    answer.prompt_tokens, answer.completion_tokens, answer.cost_usd = 34, 186, Decimal("0.000296")
    answer.cost_source, answer.call_id = answer.CostSource.REPORTED, "7f3c0000-0000-4000-8000-0000000000e1"
    answer.save()
    return conversation
