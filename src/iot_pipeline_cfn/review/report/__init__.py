"""Renderers of a review: terminal, Markdown, JSON."""
