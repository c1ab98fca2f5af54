"""What says that an operation has no meaning for a single row."""

from __future__ import annotations

from tisserand.texts import N_, Message, msg


class Unrowable(Exception):  # noqa: N818 - the answer "not row by row", with its reason
    """`operation` is the name of an Ibis operation (or role of a node), `message` a sentence that says why it needs a batch; `node` is the
    node where that is known."""

    def __init__(self, operation: str, message: Message, node: str | None = None) -> None:
        self.operation = operation
        self.message = message
        self.node = node
        super().__init__(f"{operation}: {message.text('en')}")


_ALL_ROWS = {
    "Aggregate": N_("It forms groups over all rows."),
    "Sort": N_("It puts all rows in order."),
    "Limit": N_("It counts rows."),
    "Sample": N_("It chooses among all rows."),
    "Distinct": N_("It compares each row with all others."),
    "JoinChain": N_("It looks for partners in another table."),
    "JoinTable": N_("It looks for partners in another table."),
    "Union": N_("It puts several tables below each other."),
    "Intersection": N_("It compares tables with each other."),
    "Difference": N_("It compares tables with each other."),
    "WindowFunction": N_("It looks at the rows before or behind."),
    "ScalarSubquery": N_("It asks a whole table for a value."),
    "InSubquery": N_("It looks a value up in a whole table."),
    "ExistsSubquery": N_("It looks a value up in a whole table."),
}


def unknown(operation: str, kind: str = "") -> Unrowable:
    """For an operation of that name that stands in no table."""
    if operation in _ALL_ROWS:
        return Unrowable(operation, Message(_ALL_ROWS[operation]))
    if kind == "reduction":
        return Unrowable(operation, msg("It computes one value of many rows ({operation}).", operation=operation))
    return Unrowable(operation, msg("The operation {operation} is known to the database only.", operation=operation))
