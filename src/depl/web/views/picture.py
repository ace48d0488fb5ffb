"""What needs what in an environment, drawn: hosts as frames, components as boxes, resources as arrows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.rollout.wording import counted
from depl.web.views.layers import Node, gathered, layered, nodes_of, packed
from depl.web.views.states import Look, worst

BOX, ROW = 150, 34  # the size of a box
GAP, BETWEEN = 10, 70  # between boxes above each other, and between columns, where arrows go
PAD, HEAD, MARGIN = 12, 26, 10  # inside a frame, its name, around frames
LETTERS = 18  # of a name in a box
KEYS = 2  # named on an arrow
MOST_SENTENCES = 400


@dataclass(frozen=True)
class Frame:
    """A host, or several that are alike. x, y, width, height: whole numbers, as in all of these."""

    name: str
    hosts: Sequence[str]
    x: int
    y: int
    width: int
    height: int
    is_ignored: bool = False


@dataclass(frozen=True)
class Box:
    """A component on a host; of several hosts that are alike, all of theirs. ids: `web@web1`. name: as it fits.

    drift: changes found, None: nobody has looked.
    """

    ids: Sequence[str]
    name: str
    host: str
    x: int
    y: int
    width: int
    height: int
    title: str
    look: Look | None = None
    drift: int | None = None
    is_ignored: bool = False


@dataclass(frozen=True)
class Arrow:
    """From what provides to what needs it. path: of SVG. label: the keys; x, y: its middle."""

    start: str
    end: str
    path: str
    label: str
    title: str
    x: int
    y: int


@dataclass(frozen=True)
class Picture:
    """All of it; the arrows are to be drawn first. sentences: the same as text."""

    width: int
    height: int
    frames: Sequence[Frame]
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    sentences: Sequence[str]


def picture(
    published: Mapping[str, Any],
    looks: Mapping[str, Look] | None = None,
    drift: Mapping[str, Mapping[str, int]] | None = None,
) -> Picture:
    """published: an environment; looks: by `web@web1` how the last rollout left it; drift: by host and component."""
    nodes = nodes_of(published)
    edges = _edges(published, nodes)
    layers = layered(nodes, edges)
    groups = gathered(nodes, layers, published)
    ignored = {str(host["name"]) for host in published.get("hosts") or () if host.get("ignore")}
    frames, boxes = _drawn(nodes, groups, layers, looks or {}, drift, ignored)
    arrows = list(_arrows(nodes, edges, boxes))
    width = max((frame.x + frame.width for frame in frames), default=0) + MARGIN
    height = max((frame.y + frame.height for frame in frames), default=0) + MARGIN
    return Picture(width, height, frames, boxes, arrows, list(_sentences(nodes, edges)))


_Edges = Mapping[tuple[str, str], Sequence[str]]  # the keys by what provides them and what needs them


def _edges(published: Mapping[str, Any], nodes: Mapping[str, Node]) -> _Edges:
    found: dict[tuple[str, str], list[str]] = {}
    for start, end, key in published.get("edges") or ():
        if start in nodes and end in nodes and start != end:
            keys = found.setdefault((str(start), str(end)), [])
            keys += [str(key)] if str(key) not in keys else []
    return found


def _drawn(
    nodes: Mapping[str, Node],
    groups: Sequence[Sequence[str]],
    layers: Mapping[str, int],
    looks: Mapping[str, Look],
    drift: Mapping[str, Mapping[str, int]] | None,
    ignored: set[str],
) -> tuple[list[Frame], list[Box]]:
    by_host: dict[str, list[Node]] = {}
    for node in nodes.values():
        by_host.setdefault(node.host, []).append(node)
    cells = [_cells([node for host in hosts for node in by_host.get(host, ())], layers) for hosts in groups]
    frames, boxes = [], []
    y = MARGIN
    for row in packed([_span(one) for one in cells]):
        deepest = max(max(map(len, cells[place].values()), default=0) for place in row)
        height = HEAD + max(1, deepest) * (ROW + GAP) - GAP + PAD
        for place in row:
            hosts, (first, last) = groups[place], _span(cells[place])
            x, width = _column(first) - PAD, (last - first) * (BOX + BETWEEN) + BOX + 2 * PAD
            frames.append(Frame(_frame_name(hosts), hosts, x, y, width, height, ignored.issuperset(hosts)))
            for column, stack in cells[place].items():
                for depth, same in enumerate(stack):
                    top = y + HEAD + depth * (ROW + GAP)
                    boxes.append(_box(same, _frame_name(hosts), _column(column), top, looks, drift))
        y += height + MARGIN
    return frames, boxes


def _cells(nodes: Iterable[Node], layers: Mapping[str, int]) -> dict[int, list[list[Node]]]:
    """By column the boxes above each other; those of one name are one, in hosts that are alike."""
    same: dict[str, list[Node]] = {}
    for node in nodes:
        same.setdefault(node.root, []).append(node)
    found: dict[int, list[list[Node]]] = {}
    for alike in same.values():
        found.setdefault(max(layers[node.id] for node in alike), []).append(alike)
    return dict(sorted(found.items()))


def _span(cells: Mapping[int, object]) -> tuple[int, int]:
    return min(cells, default=0), max(cells, default=0)


def _column(layer: int) -> int:
    return MARGIN + PAD + layer * (BOX + BETWEEN)


def _frame_name(hosts: Sequence[str]) -> str:
    if len(hosts) <= 1:
        return hosts[0] if hosts else ""
    return f"{hosts[0]} to {hosts[-1]} ({counted(len(hosts), 'host')})"


def _box(
    same: Sequence[Node],
    host: str,
    x: int,
    y: int,
    looks: Mapping[str, Look],
    drift: Mapping[str, Mapping[str, int]] | None,
) -> Box:
    name = same[0].root if len(same[0].root) <= LETTERS else f"{same[0].root[: LETTERS - 1]}…"
    look = worst(looks[node.id] for node in same if node.id in looks)
    looked = [_drifted(node, drift[node.host]) for node in same if node.host in drift] if drift is not None else []
    drifted = sum(looked) if looked else None
    told = [f"{same[0].root} on {host}"]
    told += [look.word] if look is not None else []
    told += [f"{counted(drifted, 'change')} found" if drifted else "as declared"] if drifted is not None else []
    ignored = all(node.is_ignored for node in same)
    told += ["ignored"] if ignored else []
    ids = [node.id for node in same]
    return Box(ids, name, host, x, y, BOX, ROW, ", ".join(told), look, drifted, ignored)


def _drifted(node: Node, found: Mapping[str, int]) -> int:
    """In all that belongs to a root component; each is named by its path."""
    return sum(count for name, count in found.items() if name.partition("/")[0] == node.root)


def _arrows(nodes: Mapping[str, Node], edges: _Edges, boxes: Sequence[Box]) -> Iterator[Arrow]:
    """One from box to box, with all that it stands for."""
    of = {id: box for box in boxes for id in box.ids}
    merged: dict[tuple[str, str], list[str]] = {}
    for (start, end), keys in edges.items():
        pair = of[start].ids[0], of[end].ids[0]
        known = merged.setdefault(pair, [])
        known += [key for key in keys if key not in known]
    for (start, end), keys in merged.items():
        if start != end:
            yield _arrow(nodes, of[start], of[end], keys)


def _arrow(nodes: Mapping[str, Node], start: Box, end: Box, keys: Sequence[str]) -> Arrow:
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x, end.y + end.height // 2
    bend = max(BETWEEN // 2, (x2 - x1) // 3)
    path = f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    label = ", ".join(keys[:KEYS]) + (f" +{len(keys) - KEYS}" if len(keys) > KEYS else "")
    whole = (
        f"{_told(nodes[end.ids[0]], end.host)} needs {', '.join(keys)} from {_told(nodes[start.ids[0]], start.host)}"
    )
    return Arrow(start.ids[0], end.ids[0], path, label, whole, (x1 + x2) // 2, (y1 + y2) // 2)


def _sentences(nodes: Mapping[str, Node], edges: _Edges) -> Iterator[str]:
    """`front on web1 needs guestbook:address from guestbook on app`."""
    for count, ((start, end), keys) in enumerate(sorted(edges.items(), key=lambda edge: edge[0][::-1])):
        if count == MOST_SENTENCES:
            yield f"{counted(len(edges) - count, 'more need')}."
            return
        provider = nodes[start]
        yield f"{_told(nodes[end])} needs {', '.join(keys)} from {_told(provider)}"


def _told(node: Node, host: str = "") -> str:
    return f"{node.root} on {host or node.host}" if host or node.host else node.root
