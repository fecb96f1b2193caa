"""What a change of templates and parameter files does, told before anything runs."""
