"""The file broker: every message arrives once, complete, and no file in its folder stops a worker."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue

from portal.broker import MOST_BYTES, tidy_up

MANY = 300


def connected(folder: Path) -> Connection:
    options = {"folder": str(folder), "polling_interval": 0.01}
    return Connection("filesystem://localhost", transport="portal.broker:Transport", transport_options=options)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Connection]:
    with connected(tmp_path) as connection:
        yield connection


def test_a_file_that_is_no_message_is_moved_away_and_the_next_is_delivered(
    broker: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue = broker.SimpleQueue("celery")
    queue.put({"number": 1})
    [good] = tmp_path.glob("*.celery.msg")
    whole = json.loads(good.read_bytes())
    bad = {
        "empty": b"",
        "half": good.read_bytes()[:-20],
        "latin": b"\xff\xfe{",
        "list": b"[1, 2]",
        "number": b"7",
        "deep": b"[" * 100_000,
        "no-properties": json.dumps({**whole, "properties": None}).encode(),
        "no-tag": json.dumps({**whole, "properties": {**whole["properties"], "delivery_tag": []}}).encode(),
        "headers": json.dumps({**whole, "headers": {"task": ["keys.sweep"]}}).encode(),
        "body": json.dumps({**whole, "body": "e30x"}).encode(),
        "typed": b'{"__type__": "decimal", "__value__": "x"}',
    }
    for name, data in bad.items():
        (tmp_path / f"0_{name}.celery.msg").write_bytes(data)
    with (tmp_path / "0_huge.celery.msg").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    (tmp_path / "0_folder.celery.msg").mkdir()
    os.mkfifo(tmp_path / "0_pipe.celery.msg")
    (tmp_path / "0_link.celery.msg").symlink_to(tmp_path / "nowhere")

    assert queue.get(timeout=5).payload == {"number": 1}

    moved = {path.name.removeprefix("0_").removesuffix(".celery.msg") for path in (tmp_path / "unreadable").iterdir()}
    assert moved == bad.keys() | {"huge", "folder", "pipe", "link"}
    assert len([line for line in caplog.messages if "unreadable/" in line]) == len(moved)
    assert list(tmp_path.glob("*.msg")) == list((tmp_path / "taken").iterdir()) == []


def test_no_message_is_lost_duplicated_or_truncated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    received: list[int] = []
    done = threading.Event()

    def read() -> None:
        with connected(tmp_path) as connection:
            queue = connection.SimpleQueue("celery", no_ack=True)
            while True:
                last = done.is_set()
                try:
                    received.append(queue.get(block=False).payload["number"])
                except Empty:
                    if last:
                        return

    def write(first: int) -> None:
        with connected(tmp_path) as connection:
            queue = connection.SimpleQueue("celery")
            for number in range(first, first + MANY):
                queue.put({"number": number, "long": "x" * 20_000})

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(first,)) for first in (0, MANY)]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()

    assert sorted(received) == list(range(2 * MANY))
    assert not caplog.records


def test_a_broadcast_reaches_who_listens_though_the_bindings_were_damaged(
    broker: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    everybody = Exchange("all.pidbox", "fanout")
    (tmp_path / "bindings").mkdir(exist_ok=True)
    (tmp_path / "bindings" / "all.pidbox.json").write_text('[["", null')
    channel: Any = broker.channel()
    for name in ("one", "two"):
        Queue(f"{name}@h.pidbox", everybody)(channel).declare()

    broker.Producer().publish("ping", exchange=everybody)

    for name in ("one", "two"):
        assert channel.basic_get(f"{name}@h.pidbox", no_ack=True).payload == "ping"
    channel.queue_delete("one@h.pidbox")
    broker.Producer().publish("ping", exchange=everybody)
    assert len(list(tmp_path.glob("*.msg"))) == 1


def test_messages_of_a_killed_reader_are_redelivered(broker: Connection, tmp_path: Path) -> None:
    queue = broker.SimpleQueue("celery")
    queue.put("kept")
    [path] = tmp_path.glob("*.msg")
    path.rename(tmp_path / "taken" / path.name)

    tidy_up(tmp_path)

    assert queue.get(timeout=5).payload == "kept"


def test_messages_are_readable_by_their_owner_only(broker: Connection, tmp_path: Path) -> None:
    broker.SimpleQueue("celery").put("private")

    assert [path.stat().st_mode & 0o777 for path in tmp_path.glob("*.msg")] == [0o600]
