"""The tests. A failed assertion in one of their helpers shows its values, as one in a test does."""

import sys
from pkgutil import iter_modules

if "pytest" in sys.modules:  # not in processes of tests, nor for mypy, which reads the settings
    import pytest

    pytest.register_assert_rewrite(*(module.name for module in iter_modules(__path__, "tests.")))
