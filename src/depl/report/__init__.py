"""Events, changes and errors as text for people, or as JSON lines for programs: values in, text out."""
