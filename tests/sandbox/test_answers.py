"""What the simulated models say without switches: what a visitor of `make run` reads."""

from sandbox.answers import answer_to


def text_of_answer(question: str) -> str:
    return "".join(answer_to(question, question, {}).words)


def test_ends_with_a_whole_sentence() -> None:
    for question in ("hi", "Explain in three sentences what a p-value is, to someone who never took statistics."):
        assert text_of_answer(question).endswith("look at the result."), question


def test_a_question_for_code_gets_code_a_table_and_a_formula() -> None:
    for question in ("Write a Python function that reads a CSV file.", "Montrez-moi un tableau"):
        text = text_of_answer(question)
        assert all(part in text for part in ("```python", "|------|", "$$")), question
