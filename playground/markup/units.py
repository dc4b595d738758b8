r"""Numbers and units as siunitx (`\SI{5}{\meter\per\second}`) and mhchem (`\pu{5 m s-1}`) write them."""

import re
from typing import Final


def _pairs(text: str) -> dict[str, str]:
    return {name: sign for name, _, sign in (pair.partition("=") for pair in text.split())}


_PREFIXES: Final = _pairs(
    "femto=f pico=p nano=n micro=µ milli=m centi=c deci=d hecto=h kilo=k mega=M giga=G tera=T peta=P"
)
_UNITS: Final = _pairs(
    "meter=m metre=m gram=g second=s ampere=A kelvin=K mole=mol candela=cd hertz=Hz newton=N pascal=Pa joule=J watt=W"
    " coulomb=C volt=V farad=F ohm=Ω siemens=S weber=Wb tesla=T henry=H lumen=lm lux=lx becquerel=Bq gray=Gy sievert=Sv"
    " radian=rad steradian=sr bit=bit byte=B litre=L liter=L minute=min hour=h day=d tonne=t molar=M electronvolt=eV"
    " dalton=Da angstrom=Å degreeCelsius=°C celsius=°C degree=° percent=%"
)  # others are their own replacement: \\kg, \\mol, \\bar
_PART: Final = re.compile(r"\\([A-Za-z]+)|([A-Za-zµμΩÅ°%℃]+)|\^?\{?([-+−]?\d+)\}?|([./*·])|.", re.DOTALL)
_NUMBER: Final = re.compile(r"([^eEx×]*?)\s*(?:[eE]|(?:x|×|\\times)\s*10\^?)\s*\{?([-+−]?\d+)\}?\s*")


def number_in_latex(number: str) -> str:
    """Return the number, with a power of ten typeset."""
    found = _NUMBER.fullmatch(number.strip())
    if not found:
        return number.replace("+-", r"\pm ").replace("+/-", r"\pm ")
    power = rf"10^{{{found[2].lstrip('+')}}}"
    return rf"{found[1]}\times {power}" if found[1] else power


def units_in_latex(units: str) -> str:
    """Return the units upright, with powers typeset."""
    out: list[str] = []
    prefix, sign, power = "", "", ""
    for part in _PART.finditer(units):
        command, letters, number, mark = part.groups()
        if command in ("squared", "cubed"):
            sign_before = "-" if out and out[-1].startswith("^{-") else ""
            _raise(out, f"{sign_before}{2 if command == 'squared' else 3}")
        elif command == "per":
            sign = "-"
        elif command in ("square", "cubic"):
            power = "2" if command == "square" else "3"
        elif command in _PREFIXES:
            prefix = _PREFIXES[command]
        elif command or letters:
            unit = prefix + (_UNITS.get(command, command) if command else letters)
            out.append(rf"\text{{{unit}}}")
            if sign or power:
                out.append(f"^{{{sign}{power or 1}}}")
            prefix, power, sign = "", "", ""
        elif number:
            _raise(out, number)
        elif mark:
            out.append("/" if mark == "/" else r"\cdot ")
        if (command or letters) and len(out) > 1 and out[-1].startswith(r"\text") and out[-2] not in ("/", r"\cdot "):
            out.insert(-1, r"\,")
    return "".join(out)


def _raise(out: list[str], power: str) -> None:
    if out and out[-1].startswith("^"):
        out.pop()
    out.append(f"^{{{power.lstrip('+')}}}")
