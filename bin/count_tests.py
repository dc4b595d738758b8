"""Print one line that counts the tests of all JUnit files named: "N passed, N failed, N skipped".

A file `again.xml` has the second results of tests that failed in another file: these count instead, and are named.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

passed = failed = skipped = 0
for name in sys.argv[1:]:
    is_second = Path(name).name == "again.xml"
    for suite in ElementTree.parse(name).iter("testsuite"):
        wrong = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        total, left_out = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed += wrong - (total if is_second else 0)
        skipped += left_out
        passed += total - wrong - left_out
        if is_second:
            for case in suite.iter("testcase"):
                print(f"ran twice: {case.get('classname')}::{case.get('name')}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(passed == 0)
