"""Deploying environments: requests, plans, execution, following, deletion.

`service_layer` is what a command, a test or another tool calls to plan, deploy and destroy;
`inventory` lists environments and their state, and `following` follows operations and cancels
updates. They work on `Operations` and raise `DeploymentError`.

`planning` and `environments` decide, as pure functions over data; `protection` defines which
environments are protected. `connection`, `cloudformation`, `resource_changes` and `events` are the
calls to AWS, and `errors` explains their failures. `request` and `deployment` are the steps of a
deployment, and `preflight` checks a plan before it is executed.
"""
