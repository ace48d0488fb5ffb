"""The parts of `depl.lib.file`; import from there."""
