"""Our own sqlglot dialect: expressions only, without built-in functions, types, queries or dots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp, parser, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokens import Token, TokenType

from tisserand.model.formula.tree import FormulaError
from tisserand.texts import msg

_KEYWORDS = {
    "AND": TokenType.AND,
    "OR": TokenType.OR,
    "NOT": TokenType.NOT,
    "IS": TokenType.IS,
    "NULL": TokenType.NULL,
    "TRUE": TokenType.TRUE,
    "FALSE": TokenType.FALSE,
    "IN": TokenType.IN,
    "BETWEEN": TokenType.BETWEEN,
    "LIKE": TokenType.LIKE,
    "ILIKE": TokenType.ILIKE,
    "CASE": TokenType.CASE,
    "WHEN": TokenType.WHEN,
    "THEN": TokenType.THEN,
    "ELSE": TokenType.ELSE,
    "END": TokenType.END,
    "AS": TokenType.ALIAS,
    "==": TokenType.EQ,
    "<>": TokenType.NEQ,
    "!=": TokenType.NEQ,
    "<=": TokenType.LTE,
    ">=": TokenType.GTE,
    "||": TokenType.DPIPE,
    "::": TokenType.DCOLON,
    "->": TokenType.ARROW,
    "/*+": TokenType.HINT,
}


def _placed(parse: Callable[..., Any]) -> Callable[..., Any]:
    """sqlglot notes places for names only; literals need them too."""

    def parse_and_place(owner: Any, token: Token) -> Any:
        return parse(owner, token).update_positions(token)

    return parse_and_place


class FormulaDialect(Dialect):  # type: ignore[misc]
    """Names are kept as written; there are no statements, queries, types, casts by `::`, dots, brackets or lambdas."""

    class Tokenizer(tokens.Tokenizer):  # type: ignore[misc]
        KEYWORDS: ClassVar[Any] = _KEYWORDS
        SINGLE_TOKENS: ClassVar[Any] = {**tokens.Tokenizer.SINGLE_TOKENS, "$": TokenType.PARAMETER, "@": TokenType.HASH}
        QUOTES: ClassVar[Any] = ["'"]
        IDENTIFIERS: ClassVar[Any] = ['"']
        COMMENTS: ClassVar[Any] = ["--", ("/*", "*/")]
        STRING_ESCAPES: ClassVar[Any] = ["'"]
        COMMANDS: ClassVar[Any] = set()
        NUMERIC_LITERALS: ClassVar[Any] = {}

    class Parser(parser.Parser):  # type: ignore[misc]
        FUNCTIONS: ClassVar[Any] = {}
        FUNCTION_PARSERS: ClassVar[Any] = {
            "CAST": lambda self: self._parse_formula_cast(exp.Cast),
            "TRY_CAST": lambda self: self._parse_formula_cast(exp.TryCast),
        }
        NO_PAREN_FUNCTIONS: ClassVar[Any] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[Any] = {"CASE": lambda self: self._parse_case()}
        FUNC_TOKENS: ClassVar[Any] = {TokenType.VAR}
        ID_VAR_TOKENS: ClassVar[Any] = {TokenType.VAR}
        PLACEHOLDER_PARSERS: ClassVar[Any] = {TokenType.PARAMETER: lambda self: self._parse_formula_parameter()}
        PRIMARY_PARSERS: ClassVar[Any] = {
            kind: _placed(parser.Parser.PRIMARY_PARSERS[kind])
            for kind in (
                TokenType.STRING,
                TokenType.NUMBER,
                TokenType.NULL,
                TokenType.TRUE,
                TokenType.FALSE,
                TokenType.STAR,
            )
        }
        RANGE_PARSERS: ClassVar[Any] = {
            kind: parser.Parser.RANGE_PARSERS[kind]
            for kind in (TokenType.BETWEEN, TokenType.IN, TokenType.IS, TokenType.LIKE, TokenType.ILIKE)
        }
        UNARY_PARSERS: ClassVar[Any] = {
            kind: parser.Parser.UNARY_PARSERS[kind] for kind in (TokenType.PLUS, TokenType.DASH, TokenType.NOT)
        }
        COLUMN_OPERATORS: ClassVar[Any] = {}
        BITWISE: ClassVar[Any] = {}
        EXPONENT: ClassVar[Any] = {}
        LAMBDAS: ClassVar[Any] = {}
        TERM: ClassVar[Any] = {TokenType.DASH: exp.Sub, TokenType.PLUS: exp.Add}
        FACTOR: ClassVar[Any] = {TokenType.MOD: exp.Mod, TokenType.SLASH: exp.Div, TokenType.STAR: exp.Mul}
        EQUALITY: ClassVar[Any] = {TokenType.EQ: exp.EQ, TokenType.NEQ: exp.NEQ}

        def _parse_select(self, *args: Any, **options: Any) -> None:
            return None

        def _parse_interval(self, *args: Any, **options: Any) -> None:
            return None

        def _parse_types(self, *args: Any, **options: Any) -> None:
            return None

        def _parse_unnest(self, *args: Any, **options: Any) -> None:
            return None

        def _parse_window(self, this: Any, *args: Any, **options: Any) -> Any:
            return this

        def _parse_formula_parameter(self) -> Any:
            if not (self._curr and self._is_connected() and self._match(TokenType.VAR)):
                self.raise_error("a name behind $")
            return exp.Parameter(this=self._prev.text).update_positions(self._prev)

        def _parse_formula_cast(self, kind: type[exp.Expression]) -> Any:
            value = self._parse_disjunction()
            if not self._match(TokenType.ALIAS):
                self.raise_error("AS and a type")
            if not self._match(TokenType.VAR):
                self.raise_error("a type")
            name = self._prev.text
            numbers = []
            if self._match(TokenType.L_PAREN):
                while self._match(TokenType.NUMBER):
                    numbers.append(self._prev.text)
                    if not self._match(TokenType.COMMA):
                        break
                self._match_r_paren()
            return kind(this=value, to=exp.Var(this=f"{name}({', '.join(numbers)})" if numbers else name))


DIALECT = FormulaDialect()


def tokenize(text: str) -> list[Token]:
    """The tokens of a formula; raises `FormulaError` for a text or name that does not end."""
    try:
        return list(DIALECT.tokenize(text))
    except TokenError:
        raise FormulaError(msg("The formula cannot be read: a quote or comment is opened and not closed.")) from None
