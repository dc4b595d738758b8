"""The cost of rendering: processor time of the rendering processes, and waiting time of other threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import process_time, sleep, thread_time

import psutil

TICK_S = 0.002


@dataclass
class Cost:
    """Seconds of the processor: of the rendering processes, of the thread that asked, and the longest that it held."""

    rendering_s: float = 0.0
    asking_s: float = 0.0
    held_s: float = 0.0


@contextmanager
def cost_measured() -> Iterator[Cost]:
    """Measure what happens in this block.

    A second thread ticks meanwhile. How long it was kept from the interpreter is counted in processor time of this
    process: what the machine does besides does not count.
    """
    cost, over = Cost(), threading.Event()

    def tick() -> None:
        last_s = process_time()
        while not over.is_set():
            sleep(TICK_S)
            now_s = process_time()
            cost.held_s, last_s = max(cost.held_s, now_s - last_s), now_s

    rendering_before_s, asking_before_s = rendering_cpu_s(), thread_time()
    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        yield cost
    finally:
        cost.asking_s = thread_time() - asking_before_s
        over.set()
        ticking.join()
        cost.rendering_s = rendering_cpu_s() - rendering_before_s


def rendering_processes(of: int | None = None) -> list[psutil.Process]:
    """Return the rendering processes of this process, or of another: what its fork server has forked."""
    return [child for server in fork_servers(of) for child in server.children()]


def rendering_cpu_s() -> float:
    """Return what they have taken of the processor so far, those that ended included."""
    total_s = 0.0
    for server in fork_servers(None):
        total_s += sum(server.cpu_times()[:4])  # with its children that have ended
        for process in server.children():
            total_s += sum(process.cpu_times()[:2])
    return total_s


def fork_servers(of: int | None) -> list[psutil.Process]:
    """Return what this process, or another, forks its rendering processes from: one or none."""
    children = psutil.Process(of).children()
    return [child for child in children if any("multiprocessing.forkserver" in word for word in child.cmdline())]
