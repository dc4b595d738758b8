"""Accessibility, as axe sees it."""

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parent.parent.parent / "node_modules" / "axe-core" / "axe.min.js"
AT_REST = "() => document.getAnimations().every((each) => each.playState !== 'running')"
# Every rule that there is on by default, best practices too.
RUN = """async (rules) => {
  const runOnly = rules ? { type: "rule", values: rules } : undefined;
  const { violations } = await axe.run({ resultTypes: ["violations"], runOnly, preload: false });
  const why = ({ any, all, none }) => [...any, ...all, ...none].map(({ message }) => message).join(" ");
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${why(node)}`));
}"""


OF_COLOURS = ["color-contrast", "link-in-text-block"]


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what is wrong with the page as it stands; axe is put into it past its Content-Security-Policy.

    Of a page that was looked at already, and has only changed its colours, `OF_COLOURS` are the `rules`.
    """
    page.wait_for_function(AT_REST)
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_source())
    found: list[str] = page.evaluate(RUN, rules)
    return found


@cache
def _source() -> str:
    return AXE.read_text(encoding="utf-8")
