"""Bringing environments up and down: what to ask of CloudFormation, asking it, and following it.

`environments`, `planning` and `guards` decide, as pure functions over data. `connection`,
`cloudformation`, `changes` and `events` are the calls, and `errors` what their failures mean.
`operations` and `following` are what all verbs do, `deployment`, `destruction` and `inventory` what
each does, `preflight` what is checked before, and `console` what a person sees of it.
"""
