"""Print one line that counts the tests of all JUnit files named: "N passed, N failed, N skipped"."""

import sys
from xml.etree import ElementTree

passed = failed = skipped = 0
for name in sys.argv[1:]:
    for suite in ElementTree.parse(name).iter("testsuite"):
        wrong = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        failed += wrong
        skipped += int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - wrong - int(suite.get("skipped", 0))
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(passed == 0)
