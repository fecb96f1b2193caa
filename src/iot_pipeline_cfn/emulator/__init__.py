"""The embedded AWS: ministack in a process of its own, with the resource types that it lacks."""
