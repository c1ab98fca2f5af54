"""From text to tree: parsing in our own dialect, limits, and the whitelist over what sqlglot made of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.tokens import Token, TokenType

from tisserand.model.formula.dialect import DIALECT, tokenize
from tisserand.model.formula.tree import Call, Case, Cast, Column, FormulaError, Literal, Parameter, Tree, children
from tisserand.model.formula.types import CAST_TYPES
from tisserand.texts import msg

MAX_CHARACTERS = 20_000
MAX_NESTING = 30
"""Parentheses, function calls and CASE within each other; sqlglot's parser takes some 25 Python frames for each."""
MAX_CHAIN = 100
"""Operators of one chain such as `a + b + c`; AND, OR and `||` are balanced and have no such limit."""


_BINARY: dict[type, str] = {
    exp.And: "and",
    exp.Or: "or",
    exp.DPipe: "||",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.Like: "like",
    exp.ILike: "ilike",
}
_BALANCED = ("and", "or", "||")
# What each class may carry. Anything else, of any class, is refused: sqlglot parses more than formulas allow.
_PARTS: dict[type, frozenset[str]] = {
    **{kind: frozenset({"this", "expression"}) for kind in _BINARY},
    exp.Div: frozenset({"this", "expression", "typed", "safe"}),
    exp.DPipe: frozenset({"this", "expression", "safe"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.ILike: frozenset({"this", "expression", "negate"}),
    exp.Is: frozenset({"this", "expression", "negate"}),
    exp.Not: frozenset({"this"}),
    exp.Neg: frozenset({"this"}),
    exp.Paren: frozenset({"this"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to"}),
    exp.Anonymous: frozenset({"this", "expressions"}),
    exp.Column: frozenset({"this"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Null: frozenset(),
    exp.Boolean: frozenset({"this"}),
    exp.Parameter: frozenset({"this"}),
}
_FORBIDDEN_WORDS = frozenset(
    {
        "select",
        "from",
        "where",
        "with",
        "values",
        "over",
        "filter",
        "within",
        "interval",
        "distinct",
        "order",
        "group",
        "union",
        "copy",
        "attach",
        "install",
        "load",
        "set",
        "pragma",
        "call",
        "create",
        "insert",
        "update",
        "delete",
        "drop",
        "escape",
        "collate",
        "array",
        "struct",
        "date",
        "timestamp",
        "at",
        "exists",
        "any",
        "all",
        "using",
    }
)
_WHOLE = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.NUMBER, TokenType.STRING, TokenType.R_PAREN, TokenType.END, TokenType.NULL}
)
"""What a formula may end with."""
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


@lru_cache(maxsize=2048)
def parse(text: str) -> Tree:
    """The tree of one formula; raises `FormulaError` with a sentence for whatever is not one."""
    if len(text) > MAX_CHARACTERS:
        raise FormulaError(
            msg("The formula has {count} characters; at most {most} are allowed.", count=len(text), most=MAX_CHARACTERS)
        )
    tokens = tokenize(text)
    if not tokens:
        raise FormulaError(msg("The formula is empty."))
    _check_nesting(tokens)
    parser = DIALECT.parser()
    try:
        # The public ways into the parser read statements. A `;` splits: more than one part is none of ours.
        # Nothing at all stands between semicolons.
        found, *more = parser._parse(lambda self: self._parse_disjunction(), tokens, text) or [None]
        if more or found is None:
            raise _syntax_error(tokens, next((t.start for t in tokens if t.token_type is TokenType.SEMICOLON), tokens[0].start))
        tree = _tree(found)
    except ParseError as error:
        at = _error_offset(text, error)
        raise _syntax_error(tokens, at) from None
    except RecursionError:
        raise _too_deep(0) from None
    _check_depth(tree)
    return tree


def _check_depth(tree: Tree) -> None:
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > MAX_CHAIN + MAX_NESTING:
            raise _too_deep(tree.at)
        level = [part for node in level for part in children(node)]


def _too_deep(at: int) -> FormulaError:
    return FormulaError(msg("The formula is nested too deeply. Split it into several columns."), at)


def _check_nesting(tokens: list[Token]) -> None:
    depth = run = 0
    for token in tokens:
        if token.token_type in (TokenType.L_BRACE, TokenType.R_BRACE, TokenType.HINT):
            raise _refused(token.text, token.start)  # sqlglot reads `{fn now()}` as `now()`
        if token.token_type in (TokenType.L_PAREN, TokenType.CASE, TokenType.L_BRACKET):
            depth += 1
        elif token.token_type in (TokenType.R_PAREN, TokenType.END, TokenType.R_BRACKET):
            depth -= 1
        run = run + 1 if token.token_type in (TokenType.NOT, TokenType.DASH, TokenType.PLUS) else 0
        if depth + run > MAX_NESTING:
            raise _too_deep(token.start)


def _error_offset(text: str, error: ParseError) -> int:
    details = error.errors[0] if error.errors else {}
    highlight = details.get("highlight")
    lines = text.split("\n")
    line, col = int(details.get("line") or 1), int(details.get("col") or 1)
    # `col` is where the token ends.
    end = sum(len(part) + 1 for part in lines[: line - 1]) + col
    return max(0, min(len(text), end) - len(str(highlight or "x")))


def _syntax_error(tokens: list[Token], at: int) -> FormulaError:
    token = next((token for token in tokens if token.end >= at), tokens[-1])
    index = tokens.index(token)
    for near in (token, tokens[index - 1] if index else token, tokens[min(index + 1, len(tokens) - 1)]):
        if near.token_type is TokenType.VAR and near.text.lower() in _FORBIDDEN_WORDS:
            return _refused(near.text.upper(), near.start)
    if token.token_type in (
        TokenType.DOT,
        TokenType.DCOLON,
        TokenType.SEMICOLON,
        TokenType.L_BRACKET,
        TokenType.ARROW,
        TokenType.HASH,
    ):
        return _refused(token.text, token.start)
    if token is tokens[-1] and token.token_type not in _WHOLE:
        return FormulaError(
            msg(
                "Something is missing after “{near}” at position {position}, the end of the formula.",
                near=token.text,
                position=token.start + 1,
            ),
            token.end,
        )
    return FormulaError(
        msg("The formula cannot be read at position {position}, near “{near}”.", position=token.start + 1, near=token.text),
        token.start,
    )


def _refused(construct: str, at: int) -> FormulaError:
    return FormulaError(
        msg("“{construct}” at position {position} is not allowed in a formula.", construct=construct, position=at + 1), at
    )


def _at(node: exp.Expression) -> int:
    """Where a node begins in the text: its own place or that of the first part that has one."""
    return min((int(part.meta["start"]) for part in node.walk() if "start" in part.meta), default=0)


def _tree(node: Any) -> Tree:
    """The whitelist: rebuilds what is allowed, refuses everything else by name."""
    if not isinstance(node, exp.Expression):
        raise FormulaError(msg("The formula is incomplete."))
    kind = type(node)
    allowed = _PARTS.get(kind)
    if allowed is None:
        raise _refused(_construct(node), _at(node))
    if kind is exp.Column and node.args.get("table"):
        raise _refused(".", _at(node) + len(node.name))
    for part, value in node.args.items():
        if part not in allowed and value not in (None, False, []):
            raise _refused(f"{_construct(node)} {part.upper()}", _at(node))
    if kind in _BINARY:
        return _binary(node)
    return _BUILD[kind](node)


def _construct(node: exp.Expression) -> str:
    return {exp.Star: "*", exp.Tuple: "( , )", exp.Bracket: "[ ]", exp.Alias: "AS"}.get(type(node), str(node.key).upper())


def _binary(node: Any) -> Tree:
    """Chains are walked, not recursed into: `a AND b AND …` may be long."""
    kind, name = type(node), _BINARY[type(node)]
    at = _at(node)
    operands = [node.expression]
    left = node.this
    while type(left) is kind and name in (*_BALANCED, "+", "-", "*", "/", "%"):
        operands.append(left.expression)
        left = left.this
    operands.append(left)
    parts = [_tree(operand) for operand in reversed(operands)]
    if name in _BALANCED:
        return _balanced(name, parts, at)
    if len(parts) > MAX_CHAIN:
        raise _too_deep(at)
    tree = parts[0]
    for part in parts[1:]:
        tree = Call(name, (tree, part), at)
    return Call("not", (tree,), at) if node.args.get("negate") else tree


def _balanced(name: str, parts: list[Tree], at: int) -> Tree:
    while len(parts) > 1:
        pairs: list[Tree] = [Call(name, (a, b), at) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(parts) // 2 * 2 :]
    return parts[0]


def _literal(node: Any) -> Tree:
    at = _at(node)
    if node.is_string:
        return Literal(node.this, at)
    return _number(node.this, at)


def _number(text: str, at: int) -> Literal:
    if text.isascii() and text.isdigit():
        if int(text) < 2**63:
            return Literal(int(text), at)
        raise FormulaError(msg("The number {number} is too large.", number=text), at)
    if not _NUMBER.fullmatch(text):
        raise FormulaError(msg("“{text}” is not a number.", text=text), at)
    return Literal(float(text), at)


def _negative(node: Any) -> Tree:
    tree = _tree(node.this)
    if isinstance(tree, Literal) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
        return Literal(-tree.value, _at(node))
    return Call("negate", (tree,), _at(node))


def _is(node: Any) -> Tree:
    right, at = node.expression, _at(node)
    if isinstance(right, exp.Null):
        tree: Tree = Call("is null", (_tree(node.this),), at)
    elif isinstance(right, exp.Boolean):
        tree = Call("is true" if right.this else "is false", (_tree(node.this),), at)
    else:
        raise _refused("IS", at)
    return Call("not", (tree,), at) if node.args.get("negate") else tree


def _case(node: Any) -> Tree:
    subject = _tree(node.this) if node.this else None
    branches = []
    for branch in node.args["ifs"]:
        condition = _tree(branch.this)
        if subject is not None:
            condition = Call("=", (subject, condition), condition.at)
        branches.append((condition, _tree(branch.args.get("true"))))
    default = node.args.get("default")
    return Case(tuple(branches), _tree(default) if default is not None else None, _at(node))


def _cast(node: Any) -> Tree:
    written = str(node.args["to"].this)
    head, _, numbers = written.lower().partition("(")
    at = _at(node)
    name = CAST_TYPES.get(head)
    if name is None:
        raise FormulaError(msg("Unknown type “{type}”. Types: {types}.", type=written, types=sorted(set(CAST_TYPES))), at)
    if name == "decimal":
        digits = [int(part) for part in numbers.rstrip(")").split(",") if part.strip()] or [18, 3]
        precision, scale = digits[0], digits[1] if len(digits) > 1 else 0
        if not (1 <= precision <= 38 and 0 <= scale <= precision and len(digits) <= 2):
            raise FormulaError(
                msg("“{type}” is not a decimal type. Write decimal(digits, decimals), at most 38 digits.", type=written), at
            )
        name = f"decimal({precision}, {scale})"
    return Cast(_tree(node.this), name, isinstance(node, exp.TryCast), at)


def _call(node: Any) -> Tree:
    if not isinstance(node.this, str):
        raise _refused(str(node.this), _at(node))
    name, args = node.this.lower(), node.expressions
    if name == "count" and len(args) == 1 and isinstance(args[0], exp.Star):
        args = []  # count(*) is what everyone writes
    return Call(name, tuple(_tree(arg) for arg in args), int(node.meta.get("start", 0)))


def _column(node: Any) -> Tree:
    if not isinstance(node.this, exp.Identifier):
        raise _refused(_construct(node.this), _at(node))
    return Column(str(node.this.this), _at(node))


_BUILD: dict[type, Callable[[Any], Tree]] = {
    exp.Paren: lambda node: _tree(node.this),
    exp.Not: lambda node: Call("not", (_tree(node.this),), _at(node)),
    exp.Neg: _negative,
    exp.Is: _is,
    exp.In: lambda node: Call("in", tuple(_tree(part) for part in (node.this, *node.expressions)), _at(node)),
    exp.Between: lambda node: Call("between", tuple(_tree(node.args.get(part)) for part in ("this", "low", "high")), _at(node)),
    exp.Case: _case,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Anonymous: _call,
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Null: lambda node: Literal(None, _at(node)),
    exp.Boolean: lambda node: Literal(bool(node.this), _at(node)),
    exp.Parameter: lambda node: Parameter(str(node.this), max(0, _at(node) - 1)),
}
