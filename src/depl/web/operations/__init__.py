"""What can be done from outside, asked for by a page or by a program: allowed, done, written into the audit."""
