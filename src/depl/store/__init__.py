"""The database of rollouts: their headers, plans, events and output, signals, locks and leases."""
