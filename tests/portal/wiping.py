"""Empty the test database as a new one is empty: no table at all. What restores it comes from tests.dumps."""

from django.db import connection


def drop_all_tables() -> None:
    """Leave a database as `createdb` makes it, or as a SQLite file that is not there."""
    connection.close()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
            return
        cursor.execute("PRAGMA foreign_keys = OFF")
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")
        cursor.execute("PRAGMA foreign_keys = ON")
