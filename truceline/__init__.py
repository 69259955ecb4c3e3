"""Truceline watches over a ceasefire line: from pixels and reports to a person's decision."""

__version__ = "0.1.0"
