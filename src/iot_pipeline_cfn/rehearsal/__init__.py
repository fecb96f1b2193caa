"""The whole life of an environment, with readings that travel through it."""
