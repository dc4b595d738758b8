"""Keyboard navigation: the tab order, the focused element, and whether its focus is visible."""

from playwright.sync_api import Page

MOST_STOPS = 80
# `autofocus` of a page that has just come takes effect when it is first painted.
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
NAME_OF_FOCUS = """() => {
  const it = document.activeElement;
  const seen = (it.labels?.[0] ?? it).cloneNode(true);
  for (const hidden of seen.querySelectorAll('[aria-hidden=true]')) hidden.remove();
  return (it.ariaLabel || seen.textContent).trim().replace(/\\s+/g, ' ');
}"""
# A ring of two pixels around it, or around the box that stands for it.
RING = """() => {
  const rung = (it) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(it);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  };
  for (let it = document.activeElement, up = 0; it && up < 3; it = it.parentElement, up++) if (rung(it)) return true;
  return false;
}"""


def tab(page: Page, key: str = "Tab") -> str:
    """Press Tab; return the name of what has the focus then."""
    page.keyboard.press(key)
    return name_of_focus(page)


def name_of_focus(page: Page) -> str:
    """Return the name of what has the focus."""
    return str(page.evaluate(NAME_OF_FOCUS))


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until something has the focus whose name begins so; on the way there is a ring at every stop."""
    page.wait_for_load_state()
    page.evaluate(PAINTED)
    stops = []
    for _ in range(MOST_STOPS):
        stops.append(tab(page, key))
        assert page.evaluate("document.activeElement !== document.body"), f"nothing has the focus after {stops}"
        assert page.evaluate(RING), f"no ring around {stops[-1]!r}"
        if stops[-1].startswith(name):
            return
    raise AssertionError(f"{name!r} is not among {stops}")


def back_to(page: Page, name: str) -> None:
    """Press Shift+Tab until something has the focus whose name begins so."""
    tab_to(page, name, "Shift+Tab")
