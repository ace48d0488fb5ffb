"""The parts that `depl.lib.git` and `depl.lib.mercurial` share; import from there."""
