"""Secrets of environments: kept encrypted in the project, readable by the members of each environment alone."""
