"""The check of French pages finds errors."""

from django.http import HttpResponse
from django.utils import translation

from tests.french.reading import Reader, english_in, prose_of


def test_notices_untranslated_texts(reader: Reader) -> None:
    with translation.override("fr"):
        translation.gettext("My keys")
        translation.gettext("Nobody has translated this.")
        translation.ngettext("%d duck", "%d ducks", 2)
        translation.pgettext("tub", "duck")

    assert reader.missed == {"Nobody has translated this.", "%d duck", "tub\x04duck"}
    reader.missed.clear()


def test_notices_english_words() -> None:
    assert english_in("Mes clés. You do not have access : rien.") == ["You do not have access"]
    assert english_in("Enter a valid value here.") == ["Enter"]
    assert english_in("Mes clés : vous en avez 3.") == []


def test_reads_visible_and_spoken_text_but_neither_code_nor_names() -> None:
    page = '<p title="Un titre">Bonjour, <bdi>the Duck</bdi> et mémoire</p><pre>for it in the</pre><b lang="en">it</b>'

    assert prose_of(HttpResponse(page), "mémoire") == "Bonjour, et … Un titre"
