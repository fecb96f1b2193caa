"""Preflight: checks of a change set before it is executed.

`checks` lists them all, `checking` runs them. Each check reports findings with a stable code; the
sentences for people are in the command line's wording module.
"""
