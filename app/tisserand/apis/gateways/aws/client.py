"""Calls to Amazon API Gateway through boto3, which is loaded when one is made; failures as sentences without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tisserand.sdk.errors import NodeError
from tisserand.texts import msg


class Client:
    """`client.call("get_rest_apis", limit=500)`, as boto3 names them."""

    def __init__(self, gateway: str, region: str, endpoint: str, secrets: Mapping[str, str], profile: str, verify: bool) -> None:
        try:
            import boto3
            from botocore import exceptions
            from botocore.config import Config
        except ImportError:
            raise NodeError(
                "Gateways of type “aws” need the package boto3.", fix="Install it: pip install 'tisserand[aws]'"
            ) from None
        self.gateway = gateway
        self._hidden = [value for value in secrets.values() if value]
        self._errors: type[Exception] = exceptions.ClientError
        self._others: tuple[type[Exception], ...] = (exceptions.BotoCoreError,)
        retries = {"mode": "adaptive", "total_max_attempts": 6}
        config = Config(connect_timeout=5, read_timeout=30, retries=retries, user_agent_extra="tisserand")
        try:
            session = boto3.session.Session(region_name=region or None, profile_name=profile or None, **secrets)
            self._client: Any = session.client("apigateway", endpoint_url=endpoint or None, config=config, verify=verify)
        except self._others as error:
            raise NodeError(
                "Amazon API Gateway cannot be reached: {reason}", reason=self._clean(str(error)),
                fix="Check region, profile and credentials in gateways.yaml.",
            ) from None  # fmt: skip

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The answer. Raises `NodeError` with what AWS said."""
        ask: Callable[..., dict[str, Any]] = getattr(self._client, method)
        try:
            return ask(**arguments)
        except self._errors as error:
            told = getattr(error, "response", {}).get("Error", {})
            code, said = str(told.get("Code", "")), str(told.get("Message", ""))
            raise NodeError(
                "Amazon API Gateway answered “{code}” to {method}: {said}",
                code=code, method=method, said=self._clean(said) or "–",
                retry=code in ("TooManyRequestsException", "ServiceUnavailableException", "ThrottlingException"),
            ) from None  # fmt: skip
        except self._others as error:
            raise NodeError(
                "Amazon API Gateway cannot be reached: {reason}", reason=self._clean(str(error)), retry=True,
                fix="Check region, address and credentials in gateways.yaml.",
            ) from None  # fmt: skip

    def pages(self, method: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """All `items`, page after page."""
        position = None
        while True:
            page = self.call(method, limit=500, **arguments, **({"position": position} if position else {}))
            yield from page.get("items") or ()
            position = page.get("position")
            if not position:
                return

    def hide(self, secret: str) -> None:
        """Keep a value out of what is said."""
        self._hidden.append(secret)

    def _clean(self, text: str) -> str:
        for value in self._hidden:
            text = text.replace(value, "•••")
        return " ".join(text.split())[:300]


class Undone:
    """What was done, and how it is undone."""

    def __init__(self) -> None:
        self._back: list[Callable[[], object]] = []

    def then(self, back: Callable[[], object]) -> None:
        self._back.append(back)

    def undo(self) -> list[NodeError]:
        """Undo all of it, the last first; gives what could not be undone."""
        failed = []
        while self._back:
            try:
                self._back.pop()()
            except NodeError as error:
                failed.append(error)
            except KeyError:
                if not failed:
                    raise
                # It stood on something that could not be brought back.
        return failed


def failed_twice(error: NodeError, failed: list[NodeError]) -> NodeError:
    """A failure after which not everything could be undone."""
    return NodeError(
        msg("{first} Not all could be undone: {second}", first=error.message, second=failed[0].message),
        fix="Push again when it answers.", retry=True,
    )  # fmt: skip
