"""Deploying environments: requests, plans, execution, following, deletion.

`service_layer` is what a command, a test or another tool calls to plan, deploy and destroy;
`inventory` lists environments and their state, `following` follows operations, and `readiness` ends
what keeps a verb from acting on a stack. They work on `Operations` and raise `DeploymentError`.

`lifetime` defines who made an environment and how long it is kept, `sweeping` decides which ones
nobody needs any more and deletes them, `orphans` finds what deletions have left behind, and
`obstacles` what holds them up.

`planning` and `environments` decide, as pure functions over data; `protection` defines which
environments are protected, and `location` where a command works. `credentials`, `connection`,
`cloudformation`, `reported_changes` and `events` are the calls to AWS, `polling` repeats them, and
`errors` explains their failures. `request` and `deployment` are the steps of a deployment, and
`preflight` checks a plan before it is executed.
"""
