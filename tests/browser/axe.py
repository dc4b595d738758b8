"""Accessibility, as axe sees it."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parent.parent.parent / "node_modules" / "axe-core" / "axe.min.js"
AT_REST = "() => document.getAnimations().every((each) => each.playState !== 'running')"
# Every rule that there is on by default, best practices too.
RUN = """async (options) => {
  const { violations } = await axe.run({ resultTypes: ["violations"], preload: false, ...options });
  const why = ({ any, all, none }) => [...any, ...all, ...none].map(({ message }) => message).join(" ");
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${why(node)}`));
}"""


COLOURS = ["color-contrast", "link-in-text-block"]  # half the time of all rules
Rules = dict[str, Any]  # options of axe.run
ALL: Rules = {}
OF_COLOURS: Rules = {"runOnly": {"type": "rule", "values": COLOURS}}
NOT_OF_COLOURS: Rules = {"rules": {rule: {"enabled": False} for rule in COLOURS}}


def violations(page: Page, rules: Rules = ALL) -> list[str]:
    """Return what is wrong with the page as it stands; axe is put into it past its Content-Security-Policy.

    A page that was looked at already may have changed its colours only, or its width only.
    """
    page.wait_for_function(AT_REST)
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_source())
    found: list[str] = page.evaluate(RUN, rules)
    return found


@cache
def _source() -> str:
    return AXE.read_text(encoding="utf-8")
