"""The credential of gateways is made once, however many ask for it in the same moment: who cached another one would be refused for ever."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tisserand.service.published.credential import NAME, gateway_credential
from tisserand.workspace.secrets import secret_store

ASKING = 8


class Slow:
    """A store of secrets that is so slow that all look before one has written."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.together = threading.Barrier(ASKING, timeout=0.3)

    def get(self, name: str) -> str | None:
        found = self.held.get(name)
        if found is None:
            try:
                self.together.wait()
            except threading.BrokenBarrierError:
                pass  # one at a time is what is hoped for
        return found

    def set(self, name: str, value: str) -> None:
        self.held[name] = value

    def delete(self, name: str) -> None:
        self.held.pop(name, None)

    def names(self) -> list[str]:
        return [*self.held]


def test_all_who_ask_at_once_get_the_one_that_is_kept() -> None:
    store = Slow()
    with ThreadPoolExecutor(ASKING) as pool:
        got = list(pool.map(lambda _number: gateway_credential("any", store), range(ASKING)))  # type: ignore[arg-type]
    assert set(got) == set(store.held.values()) and len(store.held) == 1


def at_once(work: Callable[[int], str]) -> list[str]:
    """What each of several processes gives, all of them begun at one moment."""
    gate, go = os.pipe()
    children = []
    for number in range(ASKING):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(go)
                os.read(gate, 1)  # until the one who made them lets go
                os.write(write, work(number).encode())
                code = 0
            finally:
                os._exit(code)
        os.close(write)
        children.append((child, read))
    os.close(gate)
    os.close(go)
    found = []
    for child, read in children:
        with os.fdopen(read) as told:
            found.append(told.read())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return found


@pytest.mark.skipif(os.name == "nt", reason="forks are POSIX")
def test_of_several_processes_all_get_the_one_that_is_kept() -> None:
    got = at_once(lambda _number: gateway_credential("many"))
    assert set(got) == {secret_store("many").get(NAME)} and len(got[0]) > 30


@pytest.mark.skipif(os.name == "nt", reason="forks are POSIX")
def test_no_secret_is_lost_to_another_process_that_sets_one_at_the_same_time() -> None:
    def put(number: int) -> str:
        store = secret_store("several")
        store.set(f"one-{number}", str(number))
        store.set("gone", "x")
        store.delete("gone")
        return ""

    at_once(put)
    store = secret_store("several")
    assert {name: store.get(name) for name in store.names()} == {f"one-{number}": str(number) for number in range(ASKING)}
