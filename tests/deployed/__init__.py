"""What must hold for a deployed environment, on AWS or on the embedded one.

`make integration ENV=pr123` runs these tests against that environment, and `make test` against
environments that it deploys itself. They know it by its outputs, its parameters, and what AWS says.
"""
