"""Tisserand: a desktop integration studio."""

__version__ = "0.1.0"
