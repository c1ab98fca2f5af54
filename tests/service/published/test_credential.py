"""The credential of gateways is made once, however many ask for it in the same moment: who cached another one would be refused for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tisserand.service.published.credential import gateway_credential

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
