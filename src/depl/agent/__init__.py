"""The far side: depl on a host, driven by a coordinator. Requests come in, events go out."""

from __future__ import annotations


def main(initial: bytes) -> None:
    """Serve the coordinator at the other end of standard input and output, of which `initial` was read already."""
    from depl.agent.serving import serve

    serve(initial)
