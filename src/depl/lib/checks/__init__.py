"""The parts of `depl.lib.check`; import from there."""
