"""A fixture that runs a function in several processes which train together."""

import contextlib
import multiprocessing
import os
import socket
import traceback

import pytest
import torch

from stylize_cli import ranks

PATIENCE = 100  # seconds: a deadlock is a failure


@pytest.fixture(scope="session")
def side_by_side():
    """side_by_side(work, *arguments, count=2) -> what it returned in each process, by rank."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stylize_cli.methods.train"])

    def run(work, *arguments, count=2):
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        answers = context.Queue()
        started = [
            context.Process(target=_work, args=(answers, rank, count, port, work, arguments))
            for rank in range(count)
        ]
        try:
            for process in started:
                process.start()
            found = dict(answers.get(timeout=PATIENCE) for _ in started)
        finally:
            for process in started:
                process.kill()
                process.join()
        for one in found.values():
            if isinstance(one, Exception):
                raise one
        return [found[rank] for rank in range(count)]

    return run


def _work(answers, rank, count, port, work, arguments):
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    torch.set_num_threads(1)
    with ranks.joined():
        try:
            found = work(*arguments)
        except Exception as error:
            error.add_note(traceback.format_exc()) if hasattr(error, "add_note") else None
            found = error
        answers.put((rank, found))
        answers.close()
        answers.join_thread()
