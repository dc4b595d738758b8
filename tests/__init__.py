"""The tests. A failed assertion in one of their helpers shows its values, as one in a test does."""

from pkgutil import iter_modules

import pytest

pytest.register_assert_rewrite(*(module.name for module in iter_modules(__path__, "tests.")))
