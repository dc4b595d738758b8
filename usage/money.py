"""Money in the database: exact on every database, and added up without floats.

SQLite keeps decimals as floats and adds them as floats; so an amount is kept as a whole number of 10⁻¹² USD.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

if TYPE_CHECKING:
    DecimalField = models.DecimalField[Decimal | int | str, Decimal]
else:
    DecimalField = models.DecimalField

PLACES: Final = 12
STEP: Final = Decimal(1).scaleb(-PLACES)
LARGEST_DAY_USD: Final = Decimal(1_000_000)  # of all keys
LARGEST_DAY_ON_SQLITE_USD: Final = Decimal(8_000)  # it sums in 64 bits, which hold three years of such days


def exact_usd(amount: Decimal) -> Decimal:
    """Return the amount as the database will give it back."""
    return amount.quantize(STEP, ROUND_HALF_EVEN)


def largest_day_usd() -> Decimal:
    """Return what all keys may have spent in a day at most; more is a mistake in the gateway's prices."""
    return LARGEST_DAY_ON_SQLITE_USD if connection.vendor == "sqlite" else LARGEST_DAY_USD


class UsdField(DecimalField):
    """An amount in USD, to 10⁻¹²; sums of it are exact.

    Multiply and divide in Python, not in SQL; a constant next to it in SQL is `Value(amount, UsdField())`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_digits": 19, "decimal_places": PLACES, **options})

    def get_internal_type(self) -> str:
        """Be a whole number to the database."""
        return "BigIntegerField"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        """Return the number of steps; an expression stays one."""
        if value is None or isinstance(value, Expression):
            return value
        return int(exact_usd(Decimal(value)).scaleb(PLACES))

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return the number of steps."""
        return value if hasattr(value, "as_sql") else self.get_db_prep_value(value, connection)

    def from_db_value(self, value: Any, _expression: object, _connection: object) -> Decimal | None:
        """Return USD, also of a sum (which PostgreSQL gives as numeric)."""
        return None if value is None else Decimal(int(value)).scaleb(-PLACES)
