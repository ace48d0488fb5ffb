"""One request: who asks, for what, and how it is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from depl.access.roles import Action, Person, has_a_role, refusal, visible
from depl.web.errors import Forbidden, Invalid, NotFound, NotSignedIn
from depl.web.rendering import render
from depl.web.site import Site
from depl.web.visitors import Visitor

LARGEST = 2**53  # a number that all take


class Ask:
    """What a handler is given. form: the fields of a form, each with all its values."""

    def __init__(
        self, request: Request, visitor: Visitor | None, form: Mapping[str, list[str]], body: bytes | None = None
    ) -> None:
        self.request, self.visitor, self.form, self._body = request, visitor, form, body or b""
        self.site: Site = request.app.state.site

    # -- who -------------------------------------------------------------------------------------------------

    def assert_signed_in(self) -> None:
        """Errors: NotSignedIn."""
        if self.visitor is None or self.visitor.person is None:
            raise NotSignedIn("This is only for those who have signed in", hint="Sign in first.")

    @property
    def person(self) -> Person:
        """Who asks. Errors: NotSignedIn."""
        self.assert_signed_in()
        assert self.visitor is not None
        assert self.visitor.person is not None
        return self.visitor.person

    @property
    def session(self) -> str:
        """The session that they have by a cookie; empty where they came otherwise."""
        is_ours = self.visitor is not None and not self.visitor.by_proxy
        return self.visitor.session if self.visitor is not None and is_ours else ""

    @property
    def by_token(self) -> bool:
        """Whether a program asks, which has a token."""
        return self.visitor is not None and self.visitor.by_token

    @property
    def address(self) -> str:
        """From where."""
        return self.visitor.address if self.visitor is not None else ""

    def sees(self, environments: Collection[str]) -> bool:
        """Whether they may see what is about some environments."""
        return visible(self.person, environments)

    @property
    def sees_anything(self) -> bool:
        """Whether they have some role anywhere; what is about no environment in particular is for these."""
        return has_a_role(self.person)

    @property
    def sees_only(self) -> Callable[[Collection[str]], bool] | None:
        """For lists: what is shown of them; None where that is all."""
        return None if visible(self.person, ()) else self.sees

    def may(self, action: Action, environments: Collection[str] = (), **about: Any) -> bool:
        """Whether they may do something; see depl.access.roles.refusal."""
        return not refusal(self.person, action, environments, **about)

    def assert_may(
        self, action: Action, environments: Collection[str] = (), *, subject: str = "", **about: Any
    ) -> None:
        """Errors: Forbidden; NotFound where they may not even look. What they wanted to change goes into the audit."""
        refused = refusal(self.person, action, environments, **about)
        if not refused:
            return
        if self.request.method not in ("GET", "HEAD"):
            self.audit(action.value, subject, environments, outcome="denied", reason=refused)
        if environments and not self.sees(environments):
            raise NotFound("There is no such thing, or it is not for you to see")
        raise Forbidden(refused, hint="Somebody who is admin can give that role, on the page People.")

    def hidden(self, thing: str, subject: str, environments: Collection[str]) -> NotFound:
        """What is answered about a thing that they may not see, as if there were none.

        Who wanted to change it goes into the audit.
        """
        if self.request.method not in ("GET", "HEAD"):
            what = self.request.url.path.rpartition("/")[2]
            reason = f"{self.person.name} may not see it"
            self.audit(what, subject, environments, outcome="denied", reason=reason)
        return NotFound(f"There is no such {thing}")

    def audit(
        self,
        what: str,
        subject: str = "",
        environments: Collection[str] = (),
        *,
        outcome: str = "done",
        reason: str = "",
        who: str = "",
    ) -> None:
        """Write down that they did something, or wanted to."""
        name = who or (self.visitor.person.name if self.visitor and self.visitor.person else "")
        self.site.store.audit.add(
            name,
            what,
            subject=subject,
            environment=", ".join(sorted(environments)),
            outcome=outcome,
            reason=self.site.redact(reason),
            address=self.address,
        )

    # -- what ------------------------------------------------------------------------------------------------

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """What stands behind the question mark."""
        return str(self.request.query_params.get(name, default))

    def number(self, name: str, default: int, least: int | None = 0, most: int | None = None) -> int:
        """A number behind the question mark, brought between the two. Errors: Invalid."""
        try:
            value = int(self.query(name) or default)
        except ValueError:
            raise Invalid(f"{name} is {self.query(name)!r:.40}, which is no whole number") from None
        value = max(-LARGEST if least is None else least, value)
        return min(LARGEST if most is None else most, value)

    def field(self, name: str, default: str = "") -> str:
        """One value of a form."""
        return (self.form.get(name) or [default])[0].strip()

    def secret(self, name: str) -> str:
        """A password of a form, with all its blanks."""
        return (self.form.get(name) or [""])[0]

    def fields(self, name: str) -> list[str]:
        """All values of a form's field."""
        return self.form.get(name, [])

    @property
    def json(self) -> Mapping[str, Any]:
        """What a program sent. Errors: Invalid."""
        try:
            found = _sound(json.loads(self._body or b"{}", parse_int=_whole))
        except (ValueError, RecursionError) as error:
            raise Invalid(f"The body is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise Invalid("The body is not a JSON object")
        return found

    # -- answers ---------------------------------------------------------------------------------------------

    def page(self, template: str, /, status: int = 200, **values: Any) -> Response:
        """A page made of a template; values: what it shows beside what all pages know."""
        return render(self.request, self.visitor, template, status, **values)

    def data(self, found: Any, status: int = 200) -> Response:
        """An answer for a program."""
        return _Data(found, status)

    def go(self, path: str) -> Response:
        """See there: after something was done. path: begins with `/`."""
        return RedirectResponse(path, 303)


class _Data(JSONResponse):
    """JSON in plain characters: also halves of some, which names of files can have, come through."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _sound(found: Any) -> Any:
    """JSON knows texts and numbers that nothing else takes. Errors: ValueError, RecursionError."""
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    text.encode()
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError("there is a character in it that no text has")
    return found


def _whole(text: str) -> int:
    if len(text) > len(str(LARGEST)):
        raise ValueError(f"{text:.20}... is too large a number")
    return int(text)
