"""Effects of a change of templates and parameter files on environments, found offline."""
