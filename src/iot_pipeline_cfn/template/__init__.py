"""Pure functions over rendered templates and parameter files; no troposphere, no calls to AWS."""
