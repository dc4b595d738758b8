"""The tables, made once for all workers: the migrations take four seconds of the processor each time."""

import fcntl
import os
import shutil
import sqlite3
from pathlib import Path
from typing import IO

import psycopg
from django.db import connection
from psycopg import sql

TEMPLATE = "migrated"  # a database of the cluster, with the tables
_lock: list[IO[str]] = []  # held by the worker that migrates, until it has left a copy


def copied() -> bool:
    """Take the tables of the worker that was first; tell whether there was one. Otherwise `leave_copy` must follow."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return False
    lock = _copy().with_suffix(".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait for whoever comes first
    if not _copy().exists():
        _lock.append(lock)
        return False
    lock.close()
    own = str(connection.settings_dict["TEST"]["NAME"])
    if connection.vendor == "sqlite":
        shutil.copy(_copy(), own)
    else:
        _create_database(own, TEMPLATE)
    return True


def leave_copy() -> None:
    """Leave the tables to the other workers, if nobody has."""
    if not _lock:
        return
    if connection.vendor == "sqlite":
        with sqlite3.connect(_copy()) as copy:
            connection.ensure_connection()
            connection.connection.backup(copy)
        copy.close()
    else:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # a database that is copied may have no connection
        _create_database(TEMPLATE, str(connection.settings_dict["NAME"]))
        _copy().touch()
    _lock.pop().close()


def _create_database(name: str, template: str) -> None:
    given = connection.settings_dict
    address = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "dbname": "postgres"}
    with psycopg.connect(**address, autocommit=True) as maintenance:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        maintenance.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def _copy() -> Path:
    return Path(os.environ["TEST_FOLDER"]) / "migrated.sqlite3"
