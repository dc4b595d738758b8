"""Formulas: those that models write are rendered, similar text is not."""

import pytest

from playground.rendering import answer_html
from tests.playground.formula_samples import OUT_OF_REACH, SAMPLES
from tests.playground.test_rendering import Reader, text_of

pytestmark = pytest.mark.django_db

NO_FORMULAS = [
    "Set $HOME/bin and $PATH:$GOPATH first.",
    "Run `x`, then $(pwd)/bin:$(go env GOPATH) or ${HOME}/a:${HOME}/b.",
    "cp $src/$name $dst.$ext",
    "It costs $5 and $10.",
    "Between $1,200 and 1,500$ a month",
    "from $20 (about 18 euros), or 25$ with tax",
    "US$5, A$7 and R$9",
    "$3M in 2020, $4M in 2021",
    "$ 12 or 13 $",
]
READ_AS = {
    r"$\ce{2H2 + O2 -> 2H2O}$": "2H2+O2 ⟶2H2O",
    r"$\ce{Fe^3+ + 3OH- -> Fe(OH)3 v}$": "Fe3++3OH−⟶Fe(OH)3↓",
    r"$\ce{Cu^{2+}(aq) + Cl-(aq)}$": "Cu2+(aq)+Cl−(aq)",
    r"$\ce{CH2=CH-CH3}$": "CH2=CH–CH3",
    r"$\ce{A ->[heat] B}$": "A →heatB",
    r"$\SI{6.626e-34}{\joule\second}$": "6.626×10−34Js",
    r"$\SI{9.81}{\meter\per\second\squared}$": "9.81ms−2",
    r"$\pu{8.314 J mol-1 K-1}$": "8.314Jmol−1K−1",
    r"$\dv[2]{y}{x}$": "d2ydx2",
    r"$\abs{x} = \norm{y}$": "|x|=‖y‖",
}


def test_renders_formulas_of_common_models() -> None:
    assert len(SAMPLES) >= 100
    as_code = [text for text in SAMPLES if "<math" not in (html := answer_html(text)) or "<code" in html]

    assert as_code == []


def test_formulas_allow_no_markup() -> None:
    assert [text for text in SAMPLES + OUT_OF_REACH if Reader(answer_html(text)).wrong] == []


def test_shows_unsupported_formulas_as_written() -> None:
    for text in OUT_OF_REACH:
        assert text_of(answer_html(text)).strip() == text


@pytest.mark.parametrize("text", READ_AS)
def test_reads_chemistry_units_and_derivatives(text: str) -> None:
    assert text_of(answer_html(text)).strip().replace("\u00a0", " ") == READ_AS[text]


@pytest.mark.parametrize("command", ["cancel", "bcancel", "xcancel"])
def test_strikes_out_what_is_cancelled(command: str) -> None:
    assert '<menclose notation="strike"><mrow><mi>x</mi>' in answer_html(rf"$\{command}{{x}}$")


@pytest.mark.parametrize("text", NO_FORMULAS)
def test_shell_code_and_prices_are_no_formulas(text: str) -> None:
    html = answer_html(text)

    assert "<math" not in html
    assert text_of(html).strip() == text.replace("`", "")
