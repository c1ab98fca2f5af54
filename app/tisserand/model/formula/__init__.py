"""Formulas as values: text to checked tree, the table of functions, and what editors need; no backend is known here.

What every backend has to do is defined once, here and in the help of the functions:

- NULL in gives NULL out. Exceptions: `AND`/`OR` are three-valued, `coalesce`, `if`, `CASE`, `IS NULL` look at NULL, `concat`
  takes it as an empty text, `greatest` and `least` skip it, aggregates skip it.
- Whole numbers have 64 bits; a result that does not fit is an error. Numbers with a point are 64-bit floating.
- `/` always divides really (`7 / 2` is 3.5); dividing by zero gives NULL, for `/`, `%` and `mod`. `%` has the sign of its left side.
- Rounding goes to the nearest, half away from zero.
- Texts are counted in characters (code points) from 1 and compared by code point.
- Timestamps have no zone; those that had one are taken in UTC.
- A failed `CAST` is an error, a failed `TRY_CAST` gives NULL.
"""
