"""Lists of prompts: pasted lines and CSV as spreadsheets write it; what cannot be read is refused in words."""

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from playground.forms.prompt_list import prompts_in_file, prompts_in_lines

TWO = ["What, then?", "Second"]


def read(data: bytes | str, name: str = "exam.csv") -> list[str]:
    return prompts_in_file(SimpleUploadedFile(name, data.encode() if isinstance(data, str) else data))


@pytest.mark.parametrize(
    "data",
    [
        'prompt\n"What, then?"\nSecond\n',
        'id,Prompt\r\n1,"What, then?"\r\n2,Second\r\n\r\n',
        "id;prompt;note\n1;What, then?;x\n2;Second;y\n",
        '"id, number",prompt,solution\n1,"What, then?",x\n2,Second,y',
        '"a, b, c";"prompt"\n1;What, then?\n2;Second',
        "What, then?\nSecond",  # no header: one column
        "\ufeffquestion\nWhat, then?\nSecond",
        "id\tprompt\n1\tWhat, then?\n2\tSecond".encode("utf-16"),
        "prompt\nWhat, then?\nSecond".encode("cp1252"),
    ],
)
def test_reads_what_spreadsheets_write(data: bytes | str) -> None:
    assert read(data) == TWO


def test_reads_prompts_of_several_lines_and_old_encodings() -> None:
    assert read('prompt\n"One\nand on"\nÉté'.encode("cp1252")) == ["One\nand on", "Été"]


def test_reads_pasted_lines_and_pasted_tables() -> None:
    assert prompts_in_lines("What, then?\n\n  Second \n") == TWO
    assert prompts_in_lines("id\tprompt\n1\tWhat, then?\n2\tSecond") == TWO


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("prompt\n" + "Hello\n" * 201, "These are 201 prompts. 200 are allowed"),
        ("id,prompt\n1,Hello\n2,\n3,Hi", "Prompt 2 is empty"),
        ("prompt\nHello\n\nHi", "Prompt 2 is empty"),
        ("id,prompt\n1,Hello\n2", "Prompt 2 is empty"),
        ('prompt\n"Hello\nHi', "Line 3 cannot be read: a quotation mark"),
        ("id,text\n1,Hello\n2,Hi", "These are 2 columns. Write “prompt” in the first line"),
        ("Question 1,Hello\nQuestion 2,Hi", "These are 2 columns"),
        ("prompt\n" + "x" * 200_000, "Prompt 1 has 200000 characters"),
        ("prompt\n", "There is no prompt in it"),
        ("", "“exam.csv” is empty"),
        (b"\x00\x01\x02\x03", "is of a kind that cannot be read"),
        (b"%PDF-1.7", "“exam.csv” is no CSV file"),
        (b"prompt\n\x81\x8d\x8f\x90", "unknown encoding"),
        ("prompt\n" + "x" * 101, "Prompt 1 has 101 characters. 100 are allowed"),
        (b"x" * 1_000_001, "a file may have 1 MB"),
    ],
)
def test_refuses_what_it_cannot_read(settings: Settings, data: bytes | str, words: str) -> None:
    settings.PLAYGROUND_PROMPT_CHARS, settings.PLAYGROUND_FILE_MB = 100, 1
    with pytest.raises(ValidationError) as refused:
        read(data)
    assert words in refused.value.messages[0]
