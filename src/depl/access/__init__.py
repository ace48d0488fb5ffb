"""Who may do what: the people of the web interface and of a shared store, their roles, passwords and tokens."""
