"""The parts of `depl.lib.download`; import from there."""
