"""Answers about recordings: of files and folders, over time, and of exported files."""
