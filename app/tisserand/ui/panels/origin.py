"""Where rows come from: an edge that a run kept, or a look ahead at what an edge would give. Both answer the same questions."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tisserand.service.protocol import Executor, Page


class Origin(Protocol):
    """Asked in a thread beside the window. `order`, `where` as the executor has them."""

    @property
    def node(self) -> str: ...

    def page(self, executor: Executor, offset: int, limit: int, order: str | None, where: str | None) -> Page: ...

    def find(
        self, executor: Executor, text: str, start: int, back: bool, order: str | None, where: str | None
    ) -> tuple[int, int] | None: ...

    def profile(self, executor: Executor, column: str, where: str | None) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """The rows that a run left."""

    run: str
    node: str
    port: str

    def page(self, executor: Executor, offset: int, limit: int, order: str | None, where: str | None) -> Page:
        return executor.page(self.run, self.node, self.port, offset, limit, order, where)

    def find(
        self, executor: Executor, text: str, start: int, back: bool, order: str | None, where: str | None
    ) -> tuple[int, int] | None:
        return executor.find(self.run, self.node, self.port, text, start, back, order, where)

    def profile(self, executor: Executor, column: str, where: str | None) -> Mapping[str, Any]:
        return executor.profile(self.run, self.node, self.port, column, where)


@dataclass(eq=False, slots=True)
class Ahead:
    """The first rows that an edge of a flow would give; looked at once, however much is asked about them."""

    node: str
    port: str
    text: str
    file: str | None
    most: int
    _data: bytes | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _rows(self, executor: Executor) -> bytes:
        with self._lock:
            if self._data is None:
                found = executor.preview(node=self.node, port=self.port, file=self.file, text=self.text, limit=self.most)
                self._data = found.data
            return self._data

    def page(self, executor: Executor, offset: int, limit: int, order: str | None, where: str | None) -> Page:
        from tisserand.service import ahead

        return ahead.rows(self._rows(executor), offset, limit, order, where)

    def find(
        self, executor: Executor, text: str, start: int, back: bool, order: str | None, where: str | None
    ) -> tuple[int, int] | None:
        from tisserand.service import ahead

        return ahead.find(self._rows(executor), text, start, back, order, where)

    def profile(self, executor: Executor, column: str, where: str | None) -> Mapping[str, Any]:
        from tisserand.service import ahead

        return ahead.profile(self._rows(executor), column, where)
