"""What a change to the templates means for environments, found out offline."""
