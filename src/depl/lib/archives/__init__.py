"""The parts of `depl.lib.archive`; import from there."""
