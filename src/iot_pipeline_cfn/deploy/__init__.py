"""Bringing environments up and down: what to ask of CloudFormation, asking it, and following it.

`environments` and `planning` decide, as pure functions over data. `connection`, `cloudformation`,
`changes` and `events` are the calls. `deployment`, `destruction` and `inventory` are the verbs, and
`console` is what a person sees of them.
"""
