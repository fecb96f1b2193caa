"""The end-to-end scenario of an environment, with readings that travel through it."""
