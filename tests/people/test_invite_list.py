"""A list of people to invite is read as spreadsheets, mail programs and people write it."""

from datetime import date

import pytest

from accounts.people_list import MAX_BYTES, MAX_ROWS, UnreadableList, decode
from people.invite_list import Entry, read_list

FULL = Entry(
    line=1,
    email="ada@example.edu",
    first_name="Ada",
    last_name="Lovelace",
    groups=("Interns", "Night owls"),
    supervisor="ben",
    ends_on=date(2026, 12, 31),
)
SAME = (  # ways to write FULL
    "Ada Lovelace,ada@example.edu,Interns|Night owls,ben,2026-12-31",
    "Ada Lovelace;ada@example.edu;Interns, Night owls;ben;31/12/2026",
    "Ada Lovelace\tADA@example.edu\tInterns; Night owls\tben\t31.12.2026",
    "\ufeff  Ada   Lovelace ; ada@example.edu;Interns,Night owls,Interns ; ben;2026-12-31;;",
    '"Lovelace, Ada","ada@example.edu","Interns, Night owls","ben","2026-12-31"',
    '"Ada\nLovelace", ada@example.edu, "Interns,Night owls", ben, 31-12-2026\r\n\r\n',
    "ada@example.edu;Ada Lovelace;Interns, Night owls;ben;2026-12-31",
)
HEADED = (
    "name,email,groups,supervisor,end of stay\nAda Lovelace,ada@example.edu,Interns|Night owls,ben,2026-12-31",
    "E-Mail;Nom;Prénom;Fin de séjour;Responsable;Groupes;Téléphone\n"
    "ada@example.edu;Lovelace;Ada;31/12/2026;ben;Interns, Night owls;12 34",
    "Last name\tFirst name\tEmail address\tNote\tGroup\tSupervisor\tUntil\r\n"
    "Lovelace\tAda\tada@example.edu\t\tInterns|Night owls\tben\t2026-12-31\r\n",
)


def facts_of(entry: Entry) -> tuple[object, ...]:
    ends = (entry.groups, entry.supervisor, entry.ends_on, entry.problems)
    return (entry.email, entry.first_name, entry.last_name, *ends)


def test_reads_one_person_however_they_are_written() -> None:
    for text in SAME:
        assert [facts_of(entry) for entry in read_list(text)] == [facts_of(FULL)], text
    for text in HEADED:
        (entry,) = read_list(text)
        assert (entry.line, facts_of(entry)) == (2, facts_of(FULL)), text


def test_reads_addresses_alone_and_as_mail_programs_write_them() -> None:
    for text in (
        "ada@example.edu\nben@example.edu",
        "ada@example.edu, ben@example.edu",
        "ada@example.edu;ben@example.edu;\r\n",
        "Ada <ada@example.edu>, Ben <BEN@example.edu>",
        "<ada@example.edu>\n\n\n  ben@example.edu  ",
    ):
        assert [entry.email for entry in read_list(text)] == ["ada@example.edu", "ben@example.edu"], text
    (entry,) = read_list("Ada Lovelace <ada@example.edu>\t\tInterns, Night owls")
    assert (entry.name, entry.email, entry.groups) == ("Ada Lovelace", "ada@example.edu", ("Interns", "Night owls"))


def test_names_the_line_of_each_person() -> None:
    text = 'name;email\n\n"Ada\nLovelace";ada@example.edu\n\nBen;ben@example.edu'

    assert [(entry.line, entry.email) for entry in read_list(text)] == [(3, "ada@example.edu"), (6, "ben@example.edu")]


def test_what_cannot_be_read_is_said_of_its_line_and_spoils_no_other() -> None:
    for line, words in {
        "Zoë;zoe@example.edu;;ben;12/31/2026": "“12/31/2026” is no date",
        "Zoë;zoe@example.edu;;ben;soon": "“soon” is no date",
        "Zoë;zoe@example.edu;Interns;ben;2026-12-31;more;still": "more columns",
        "Z\x07oë;zoe@example.edu": "no text",
    }.items():
        odd, good = read_list(f"{line}\nAda;ada@example.edu")
        assert len(odd.problems) == 1, line
        assert words in odd.problems[0], line
        assert (good.email, good.problems) == ("ada@example.edu", [])


def test_nothing_is_nobody() -> None:
    for text in ("", "\n\n", "\ufeff", " ;;; \n\t\t\n", "name;email;groups\n"):
        assert read_list(text) == [], text


def test_a_list_that_makes_no_sense_is_refused_with_its_line() -> None:
    for text, line in {
        'a@example.edu\nName;"b@example.edu\nc@example.edu': "2",
        'Name;"b@example.edu"x;\nc@example.edu': "1",
    }.items():
        with pytest.raises(UnreadableList, match=f"Line {line} cannot be read"):
            read_list(text)
    with pytest.raises(UnreadableList, match="at most 500"):
        read_list("\n".join(f"a{number}@example.edu" for number in range(MAX_ROWS + 1)))
    assert len(read_list("\n".join(f"a{number}@example.edu" for number in range(MAX_ROWS)))) == MAX_ROWS


def test_reads_files_as_spreadsheets_write_them() -> None:
    text = "Zoë Œuvrard;zoe@example.edu\r\n"
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        (entry,) = read_list(decode(text.encode(encoding)))
        assert (entry.first_name, entry.last_name) == ("Zoë", "Œuvrard"), encoding


def test_refuses_files_that_are_no_text_or_too_large() -> None:
    for content in (b"PK\x03\x04\x00\x00", b"\xff\xfe\x00", b"\x81\x8d" * 4):
        with pytest.raises(UnreadableList, match="not a text file"):
            decode(content)
    with pytest.raises(UnreadableList, match="too large"):
        decode(b"a" * (MAX_BYTES + 1))
