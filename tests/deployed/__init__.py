"""Tests of a deployed environment, on AWS or in the local AWS emulator.

`make test-deployed ENV=pr123` runs these tests against that environment, and `make test` against
environments that it deploys itself. They read its outputs, its parameters, and AWS's descriptions.
"""
