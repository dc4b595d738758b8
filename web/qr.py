"""QR codes as SVG, for pages and for printing."""

import segno
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_variables


@sensitive_variables("text")
def qr_svg(text: str, *, title: str) -> SafeString:
    """Return the QR code of a text as inline SVG, dark on light in both themes: cameras read no inverse ones."""
    code = segno.make(text, error="m", micro=False)
    svg = code.svg_inline(scale=4, border=4, dark="#000", light="#fff", title=title, svgclass=None, omitsize=True)
    return SafeString(svg)  # segno escapes the title; the text is in the modules of the code only
