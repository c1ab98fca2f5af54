"""What the author of a node sees: roles, config, fields, ports, connections, errors. Nodes import this module only.

Importing it is cheap: pyarrow, Ibis and DuckDB are never loaded here.
"""

from typing import TYPE_CHECKING, Any

from tisserand.model.flow import In, Out
from tisserand.model.schema import Column, Schema
from tisserand.sdk.called import Call, CalledTrigger, Fault, NotAllowed, NotTaken, Receiver
from tisserand.sdk.config import Config, PerColumn, Picks, Unit, When, Words
from tisserand.sdk.connection import ConnectionType
from tisserand.sdk.context import Context, ControlContext, ListenContext
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import (
    Code,
    ColumnName,
    Condition,
    Connection,
    Duration,
    FilePath,
    FolderPath,
    Formula,
    Secret,
    Size,
    SqlText,
    TargetPath,
    Url,
)
from tisserand.sdk.following import EndedRun, FollowingTrigger, RunsContext
from tisserand.sdk.node import (
    REJECTS,
    Arrivals,
    Arrived,
    Control,
    Dataset,
    Discovery,
    Effect,
    FileSink,
    Grouping,
    Isolated,
    Node,
    Outcome,
    Reader,
    Scan,
    Step,
    Transform,
    Trigger,
    Writer,
    Written,
)
from tisserand.sdk.timed import Moment, Timed, TimedConfig, Zone
from tisserand.sdk.waiting import Answer, Awaited
from tisserand.texts import N_, Message, msg

if TYPE_CHECKING:
    from tisserand.sdk.node import Relation
else:
    Relation = Any  # an Ibis table; Ibis itself is loaded only where relations are built

__all__ = [
    "REJECTS",
    "Answer",
    "Arrivals",
    "Arrived",
    "Call",
    "CalledTrigger",
    "Code",
    "Column",
    "ColumnName",
    "Condition",
    "Config",
    "Connection",
    "ConnectionType",
    "Context",
    "Control",
    "ControlContext",
    "Dataset",
    "Discovery",
    "Duration",
    "Effect",
    "EndedRun",
    "Fault",
    "FilePath",
    "FileSink",
    "FolderPath",
    "FollowingTrigger",
    "Formula",
    "Grouping",
    "In",
    "Isolated",
    "ListenContext",
    "Message",
    "Moment",
    "N_",
    "Node",
    "NodeError",
    "NotAllowed",
    "NotTaken",
    "Out",
    "Outcome",
    "PerColumn",
    "Picks",
    "Reader",
    "Receiver",
    "Relation",
    "RunsContext",
    "Scan",
    "Schema",
    "Secret",
    "Size",
    "SqlText",
    "Step",
    "TargetPath",
    "Timed",
    "TimedConfig",
    "Transform",
    "Trigger",
    "Unit",
    "Url",
    "Awaited",
    "When",
    "Words",
    "Writer",
    "Written",
    "Zone",
    "msg",
]
