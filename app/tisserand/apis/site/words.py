"""What the renderer of references says by itself, in the language of the page."""

from __future__ import annotations

from collections.abc import Mapping

from tisserand.texts import Message, msg

LABELS: Mapping[str, Message] = {
    "enum": msg("One of"), "enumSingleValue": msg("Value"), "enumArray": msg("Items"), "default": msg("Default"),
    "deprecated": msg("Deprecated"), "example": msg("Example"), "examples": msg("Examples"), "recursive": msg("Holds itself"),
    "arrayOf": msg("List of "), "webhook": msg("Event"), "const": msg("Value"), "noResultsFound": msg("Nothing found"),
    "download": msg("Download"), "downloadSpecification": msg("Download the document"), "responses": msg("Answers"),
    "callbackResponses": msg("Answers to callbacks"), "requestSamples": msg("Examples of requests"),
    "responseSamples": msg("Examples of answers"),
}  # fmt: skip
"""`labels` among the options of Redoc 2.5."""

WORDS: Mapping[str, Message] = {
    "Authorizations:": msg("Credentials:"), "Request Body schema:": msg("Body of the request:"),
    "Response Schema:": msg("Body of the answer:"), "Response Headers": msg("Headers of the answer"), "Callbacks": msg("Callbacks"),
    "path": msg("path"), "query": msg("query"), "header": msg("header"), "cookie": msg("cookie"), "Parameters": msg("parameters"),
    "required": msg("required"), "Copy": msg("Copy"), "Copied": msg("Copied"), "Expand all": msg("Expand all"),
    "Collapse all": msg("Collapse all"), "Content type": msg("Content type"), "Any of": msg("Any of"), "Payload": msg("Content"),
    "Security Scheme Type:": msg("Kind:"), "Contact:": msg("Contact:"), "License:": msg("Licence:"), "E-mail:": msg("E-mail:"),
    "Terms of Service": msg("Terms of service"), "Required scopes:": msg("Required scopes:"), "Example:": msg("Example:"),
    "Examples:": msg("Examples:"), "Array": msg("List"), "Error": msg("Error"),
}  # fmt: skip
"""Its other words: what it writes → what stands there instead."""
