"""Start by hand: a person starts the flow and fills in its parameters."""

from collections.abc import Iterator

from tisserand.sdk import Arrivals, Config, ListenContext, Out, Schema, Trigger


class ManualConfig(Config):
    prompt: str = ""
    """What the person reads above the form, for example `Choose the month to report`."""
    confirm: bool = False
    """Ask once more before the flow starts."""


class Manual(Trigger[ManualConfig]):
    """Start the flow by hand. The form asks for the flow's parameters; each is checked before anything runs.

    The event is one row: when the run started, who started it, and the values given, as JSON.
    """

    kind, title, icon = "trigger.manual", "Start by hand", "play"
    outputs = (Out("event", "Event"),)

    def event(self, config: ManualConfig) -> Schema:
        return Schema.of({"started_at": "timestamp(6)", "by": "string", "parameters": "string"})

    def listen(self, ctx: ListenContext, config: ManualConfig) -> Iterator[Arrivals]:
        """Nothing to listen to: the start itself is the event, and the engine makes its row."""
        return iter(())
