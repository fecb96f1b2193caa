"""Preflight: checks of a change set before it is executed.

`check_registry` lists the checks, and `checking` runs them. Each reports findings with a stable
code; the sentences for people are in the command line's wording module.
"""
