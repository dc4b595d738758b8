"""Money in the database: exact on every database, and summed without floats.

SQLite keeps decimals as floats and adds them as floats; so an amount is kept as a whole number of 10⁻¹² USD.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, Final

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

if TYPE_CHECKING:  # in Django's types a nullable field gives None, if its class is generic
    from typing import TypeVar

    _Set = TypeVar("_Set")
    _Get = TypeVar("_Get")

    class _DecimalField(models.DecimalField[_Set, _Get]):
        _pyi_private_set_type: Decimal | int | str
        _pyi_private_get_type: Decimal
else:
    _Set = _Get = object

    class _DecimalField(models.DecimalField):
        def __class_getitem__(cls, _types):
            return cls


PLACES: Final = 12
STEP: Final = Decimal(1).scaleb(-PLACES)


def exact_usd(amount: Decimal) -> Decimal:
    """Return the amount as the database will give it back."""
    return amount.quantize(STEP, ROUND_HALF_EVEN)


class UsdField(_DecimalField[_Set, _Get]):
    """An amount in USD, to 10⁻¹² or to fewer `decimal_places`; sums of it are exact.

    Multiply and divide in Python, not in SQL; a constant next to it in SQL is `Value(amount, UsdField())`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_digits": 19, "decimal_places": PLACES, **options})

    def get_internal_type(self) -> str:
        """Return the column type of a whole number."""
        return "BigIntegerField"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        """Return the number of steps; an expression is returned as it is."""
        if value is None or isinstance(value, Expression):
            return value
        return int(self._rounded(Decimal(value)).scaleb(PLACES))

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return the number of steps."""
        return value if hasattr(value, "as_sql") else self.get_db_prep_value(value, connection)

    def from_db_value(self, value: Any, _expression: object, _connection: object) -> Decimal | None:
        """Return USD, also of a sum (which PostgreSQL gives as numeric)."""
        if value is None:
            return None
        amount = Decimal(int(value)).scaleb(-PLACES)
        return amount if self.decimal_places == PLACES else self._rounded(amount)

    def _rounded(self, amount: Decimal) -> Decimal:
        """Return the amount with as many places as the field has."""
        return amount.quantize(Decimal(1).scaleb(-self.decimal_places), ROUND_HALF_EVEN)
