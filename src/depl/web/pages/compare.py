"""Two rollouts side by side."""

from __future__ import annotations

from starlette.responses import Response

from depl.rollout.folding import fold
from depl.web.ask import Ask
from depl.web.errors import Invalid
from depl.web.operations.known import seen
from depl.web.routing import page
from depl.web.views.comparing import parameters, tasks

MOST = 500  # tasks that are shown at once


def compare(ask: Ask) -> Response:
    """?a=ID&b=ID, or ?id=ID&id=ID; ?all=1: also what is the same."""
    ids = ask.request.query_params.getlist("id") or [ask.query("a"), ask.query("b")]
    if len(ids) != 2 or not all(ids) or ids[0] == ids[1]:
        raise Invalid("Two rollouts can be compared, neither more nor less", hint="Tick two in the list of rollouts.")
    first, second = sorted((seen(ask, id) for id in ids), key=lambda header: (header.made, header.id))
    one, other = (fold(ask.site.store.log(header.id).read()) for header in (first, second))
    done = tasks(one, other)
    wanted = done if ask.query("all") else [task for task in done if task.differs]
    return ask.page(
        "compare.html",
        first=first,
        second=second,
        given=parameters(one, other),
        revisions=[state.plan.revision if state.plan is not None else "" for state in (one, other)],
        tasks=wanted[:MOST],
        left_out=len(wanted) - len(wanted[:MOST]),
        same=len(done) - len(wanted),
        shows_all=bool(ask.query("all")),
    )


routes = [page("/rollouts/compare", compare)]
