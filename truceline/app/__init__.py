"""The doors for people and programs: command line, server, page."""
