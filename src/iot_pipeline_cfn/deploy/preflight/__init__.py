"""What can be known before a change set is executed: a file for each check, with a stable code.

`checking` says what a check is given and what it finds, `checks` lists them all.
"""
