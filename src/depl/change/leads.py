"""What stands before a secret in its line tells where other values of it stand, in contents that nobody knows."""

from __future__ import annotations

import hashlib
from typing import AbstractSet, Optional, Sequence, Set, Tuple

AS_IT_WAS = "‹secret, as it was›"
MASK = "‹secret"
SHORTEST = 2  # characters that tell one line from another
IGNORED = "\"'#;"  # as well as white space: people quote values, and comment them out

Lead = Tuple[int, str]  # length and digest of the text that leads to a secret
NONE: Lead = (0, "")  # nothing does: the line holds nothing but the secret


def leads_in(text: str, spans: Sequence[Tuple[int, int, str]]) -> Set[Lead]:
    """What stands before the first secret of each line, as a whole and up to its first `=` or `:`."""
    found: Set[Lead] = set()
    line, last = -1, 0
    for start, end, _ in sorted(spans):
        begin = text.rfind("\n", 0, start) + 1
        if begin != line and begin >= last:  # else something in this line was secret already
            found |= _leads(_essence(text[begin:start]))
        line, last = begin, max(last, end)
    return found


def hidden(
    text: str, leads: AbstractSet[Lead], *, kept: str = "", sparing: bool = False, whole_lines: bool = False
) -> str:
    """A text without what follows a lead in its lines.

    kept: whose lines may stay as they are. sparing: what follows may stay where it begins with a mask. whole_lines:
    the other lines are hidden as well if a secret may be all that is in a line.
    """
    may_stay = set(kept.splitlines())
    lines: list[str] = []
    for line in text.splitlines():
        place = None if line in may_stay else _place(line, leads)
        if place is not None and not (sparing and line.startswith(MASK, place)):
            lines.append(line[:place] + AS_IT_WAS)
        elif place is None and whole_lines and NONE in leads and line.strip() and line not in may_stay:
            if lines[-1:] != [AS_IT_WAS]:
                lines.append(AS_IT_WAS)
        else:
            lines.append(line)
    return "\n".join(lines)


def _leads(essence: str) -> Set[Lead]:
    if len(essence) < SHORTEST:
        return {NONE}
    key, separator, _ = essence.partition("=")
    texts = {essence, key + separator} if separator and key else {essence}
    return {(len(text), _digest(text)) for text in texts}


def _place(line: str, leads: AbstractSet[Lead]) -> Optional[int]:
    """Where in a line begins what follows a lead; the longest one counts."""
    essence = _essence(line)
    for length in sorted({length for length, _ in leads if 0 < length <= len(essence)}, reverse=True):
        if (length, _digest(essence[:length])) in leads:
            counted = [place for place, character in enumerate(line) if _counts(character)]
            place = counted[length - 1] + 1
            rest = line[place:].lstrip()
            return len(line) - len(rest) if rest else None
    return None


def _essence(text: str) -> str:
    """A text without what people write one way or the other."""
    return "".join("=" if character == ":" else character.lower()[0] for character in text if _counts(character))


def _counts(character: str) -> bool:
    return not character.isspace() and character not in IGNORED


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
