"""The keys of whoever sits here, and what can be read with them.

DEPL_AGE_IDENTITY          paths (a comma or colon between), or a key itself
~/.config/depl/age         a file of age keys, or a directory of such files
~/.ssh/id_*                ed25519 and RSA keys

All that need no passphrase are tried first. A passphrase is asked for where a key seems to fit, once a key.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Callable

from depl.errors import DeplError
from depl.secrets import age_file, key_files
from depl.secrets.key_files import VARIABLE, Key

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

ATTEMPTS = 3


class Identities:
    """The keys with which secrets are read. Nothing is looked at before the first file is to be read.

    ask(prompt): what somebody types, hidden; None: nobody can be asked. DEPL_AGE_IDENTITY is taken out of environ, so
    that no child inherits it.
    """

    def __init__(
        self,
        ask: Callable[[str], str] | None,
        environ: MutableMapping[str, str] = os.environ,
        home: str | None = None,
    ) -> None:
        self._ask = ask
        self._given = environ.pop(VARIABLE, "").strip()
        self._home = home or environ.get("HOME") or os.path.expanduser("~")
        self._config = environ.get("XDG_CONFIG_HOME") or os.path.join(self._home, ".config")
        self._found: list[Key] | None = None

    def decrypted(
        self,
        content: bytes,
        recipients: Sequence[str] = (),
        what: str = "the file",
        environment: str = "ENV",
        file: str = "",
    ) -> bytes:
        """The content of an age file. recipients: for whom it should be, if known.

        For errors: what is damaged, whose environment it is, and the file that cannot be read without it.
        DeplError: no key fits, with what was tried and why not; or the file is damaged.
        """
        addressees = age_file.addressees(content, what)
        if any(kind == "scrypt" for kind, _ in addressees):
            raise DeplError(f"{what} is encrypted with a passphrase, not for keys", hint="Encrypt it for keys instead.")
        keys = self._keys()
        plain = age_file.opened(content, [identity for key in keys for identity in key.identities], what)
        if plain is not None:
            return plain
        for key in sorted((key for key in keys if key.fits(addressees)), key=lambda key: key.locked):
            self._unlock(key)
            plain = age_file.opened(content, key.identities, what)
            if plain is not None:
                return plain
        waiting = [key.name for key in keys if key.locked and key.fits(addressees)]
        if waiting:
            raise _locked(waiting, file or what)
        raise _damaged_for(keys, recipients, what, environment) or _none_fits(keys, file or what, environment)

    def seem_to_fit(self, recipients: Sequence[str]) -> bool:
        """Whether one of the keys may be among the recipients; nobody is asked. Errors: ConfigurationError."""
        return any(set(key.publics) & set(recipients) or (key.locked and not key.publics) for key in self._keys())

    def _keys(self) -> list[Key]:
        if self._found is None:
            given = key_files.given(self._given, self._home)
            config = key_files.beneath(os.path.join(self._config, "depl", "age"), self._home)
            ssh = key_files.of_ssh(os.path.join(self._home, ".ssh"), self._home)
            known = {key.name for key in given}  # a file may be named that would be found anyway
            self._found = given + [key for key in config + ssh if key.name not in known]
            self._given = ""
        return self._found

    def _unlock(self, key: Key) -> None:
        """Make a key ready. Where nobody can be asked it stays locked; after the last attempt it has a problem."""
        if not key.locked:
            key.unlock(None)
            return
        prompt = f"Passphrase of {key.name}: "
        for _ in range(ATTEMPTS):
            typed = self._typed(prompt)
            if typed is None or (typed and key.unlock(typed)):
                return
            if not typed:
                key.give_up("was left out, as no passphrase was given")
                return
            prompt = f"This is not it. Passphrase of {key.name}: "
        key.give_up(f"stayed locked: {ATTEMPTS} times another passphrase")

    def _typed(self, prompt: str) -> str | None:
        """What somebody types; None: nobody can be asked, or not any more."""
        if self._ask is None:
            return None
        try:
            return self._ask(prompt)
        except EOFError:
            self._ask = None
            return None


def _locked(names: Sequence[str], what: str) -> DeplError:
    needs = "needs a passphrase" if len(names) == 1 else "need a passphrase each"
    message = f"{what} cannot be read: {' and '.join(names)} {needs}, and nobody can be asked here"
    hint = f"Run it in a terminal, or name a key without a passphrase in {VARIABLE} (an ssh-agent cannot help age)."
    return DeplError(message, hint=hint)


def _damaged_for(keys: Sequence[Key], recipients: Sequence[str], what: str, environment: str) -> DeplError | None:
    listed = [key.name for key in keys if key.identities and set(key.publics) & set(recipients)]
    if not listed:
        return None
    message = f"{what} is damaged, or not encrypted for {listed[0]}, though that is among its recipients"
    again = f"`depl secrets reencrypt --environments {environment}`"
    return DeplError(message, hint=f"Take it from version control again, or have another member run {again}.")


def _none_fits(keys: Sequence[Key], what: str, environment: str) -> DeplError:
    line = next((key.line for key in keys if key.line and not (key.problem and not key.identities)), "")
    unopened = next((key.name for key in keys if key.given_up), "")
    if unopened:
        hint = f"Run it again, with the passphrase of {unopened}."
    elif not line:
        make = "Mend that, or make a key" if keys else "Make a key"
        ask = f"`depl secrets add <its public half> --environments {environment}`"
        hint = f"{make} by `ssh-keygen -t ed25519`, and ask a member to run {ask}."
    else:
        hint = f"Ask a member to run `depl secrets add {shlex.quote(line)} --environments {environment}`."
    if not keys:
        looked = f"{VARIABLE}, ~/.config/depl/age and ~/.ssh/id_* were looked for"
        return DeplError(f"there is no key here that could read {what}: {looked}", hint=hint)
    tried = "; ".join(f"{key.name} {key.problem or 'is not among its recipients'}" for key in keys)
    return DeplError(f"none of your keys can read {what}: {tried}", hint=hint)
