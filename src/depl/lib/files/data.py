"""Files that hold data: written from Python values, the same bytes for the same values."""

from __future__ import annotations

from typing import Any

from depl.errors import ConfigurationError
from depl.lib.files.content import Content
from depl.lib.files.places import mistake
from depl.utils import dict_merge


class DataContent(Content):
    """What the data formats share: data, or a text or source to be read, and what is laid over it."""

    is_template = False
    data: Any = None
    override: Any = None

    _format = ""  # the format's name, for messages

    def _settle(self) -> None:
        if self.data is not None:
            if self.content is not None or self.source:
                raise mistake(
                    self,
                    f"data is given for {self.path} together with content or source",
                    hint="Leave out one of them.",
                )
            self.content = ""  # not to be looked for beside the component file
        super()._settle()
        self._stream = ""  # it has to be read

    def _is_raw(self) -> bool:
        return False

    def _made(self, content: Any, source: str) -> bytes:
        text = super()._made(content, source).decode(self.encoding)
        data = self._try(self.read, text, source) if self.data is None else self.data
        if self.override is not None:
            data = dict_merge(data, self.override)
        if not self._late:
            self.data = data
        result: str = self._try(self.written, data, source)
        return result.encode(self.encoding)

    def read(self, text: str) -> Any:
        """The data in a text."""
        raise NotImplementedError

    def written(self, data: Any) -> str:
        """Data as a text."""
        raise NotImplementedError

    def _try(self, convert: Any, value: Any, source: str) -> Any:
        try:
            return convert(value)
        except ConfigurationError:
            raise
        except Exception as problem:  # noqa: BLE001  (each format has its own)
            raise mistake(
                self,
                f"{source or 'what is given'} for {self.path} is no {self._format}: {problem}",
                file=source or None,
                hint=f"{type(self).__name__} needs data that {self._format} can hold.",
            ) from None


class JSONContent(DataContent):
    """A JSON file, keys sorted. One change, undone exactly.

    data: what to write; or content or source: JSON to be read. override: laid over it: dictionaries are merged, lists
    joined, anything else replaced. human_readable: indented by 4, else compact. The rest as in Content.
    After configure, `.data` holds what is written.

        self += JSONContent("config.json", source="defaults.json", override={"port": 8080})
    """

    human_readable = True
    _format = "JSON"

    def read(self, text: str) -> Any:
        import json

        return json.loads(text)

    def written(self, data: Any) -> str:
        import json

        if self.human_readable:
            return json.dumps(data, sort_keys=True, indent=4)
        return json.dumps(data, sort_keys=True, separators=(",", ":"))


class YAMLContent(DataContent):
    """A YAML file, keys sorted. Parameters and way back as JSONContent, less human_readable.

    self += YAMLContent("config.yaml", data={"listen": "0.0.0.0:8080"})
    """

    _format = "YAML"

    def read(self, text: str) -> Any:
        import yaml

        return yaml.safe_load(text)

    def written(self, data: Any) -> str:
        import yaml

        result: str = yaml.safe_dump(data, default_flow_style=False, sort_keys=True, allow_unicode=True)
        return result


class TOMLContent(DataContent):
    """A TOML file, keys in their order. Parameters and way back as JSONContent, less human_readable.

    Reading TOML (content, source) needs Python 3.11 on the host as well; data does not.

        self += TOMLContent("config.toml", data={"server": {"port": 8080}})
    """

    _format = "TOML"

    def read(self, text: str) -> Any:
        try:
            import tomllib
        except ImportError:
            raise mistake(
                self, f"Reading TOML for {self.path} needs Python 3.11", hint="Give data= instead of content or source."
            ) from None
        return tomllib.loads(text)

    def written(self, data: Any) -> str:
        from depl.lib.files.toml import dumps

        return dumps(data)


class INIContent(DataContent):
    """An INI file, sections and keys in their order. Parameters and way back as JSONContent, less human_readable.

    data: {section: {key: value}}. Booleans become true and false, lists one line an item, None a key without a value.

        self += INIContent("app.ini", data={"server": {"port": 8080, "debug": False}})
    """

    _format = "INI"

    def read(self, text: str) -> Any:
        from configparser import RawConfigParser

        parser = RawConfigParser(allow_no_value=True, default_section="", delimiters=("=", ":"))
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
        parser.read_string(text)
        return {section: dict(parser.items(section)) for section in parser.sections()}

    def written(self, data: Any) -> str:
        from depl.lib.files.ini import dumps

        return dumps(data)
