"""Where one session's settings come from, layer upon layer, and what they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.editor.clients import dig
from codelsp.editor.workspace import path_of
from codelsp.settings import Layer, Problem, Settings, read_settings
from codelsp.settings.files import read_user_file, read_workspace_files

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES = ("pyproject.toml", "codelsp.toml", "config.toml")


class SessionLayers:
    """The settings' sources of one session; ``read`` puts them together.

    The files of the main workspace folder count, those of further folders do not: an engine and a
    model are chosen once a session.
    """

    def __init__(
        self, root: str, overrides: Mapping[str, object], *, skips_defaults: bool = False
    ) -> None:
        self._skips_defaults = skips_defaults
        self._root = root
        self._overrides = overrides
        self._options: object = None
        self._configuration: object = None
        self._files: tuple[Layer, ...] = ()
        self._file_problems: tuple[Problem, ...] = ()
        self.read_files()

    def read_files(self) -> None:
        """Read the user's file and the workspace's, again."""
        layers, problems = read_user_file()
        root = path_of(self._root)
        if root is not None:
            more_layers, more_problems = read_workspace_files(root)
            layers, problems = (*layers, *more_layers), (*problems, *more_problems)
        self._files, self._file_problems = layers, problems

    def is_settings_file(self, uri: str) -> bool:
        """Whether a document of this URI may be one of the files that were read."""
        return uri.endswith(_FILES)

    def take_options(self, options: object) -> None:
        """Take ``initializationOptions``."""
        self._options = options

    def take_section(self, section: object) -> None:
        """Take the section ``codelsp`` of the editor's configuration."""
        self._configuration = section

    def take_pushed(self, settings: object) -> None:
        """Take what an editor sends unasked: often the settings of all its servers."""
        section = dig(settings, "codelsp")
        if section is not None:
            self._configuration = section

    def read(self) -> tuple[Settings, tuple[Problem, ...]]:
        """Return the settings as they are now, and what was wrong with any of them."""
        layers: list[Layer] = list(self._files)
        problems = list(self._file_problems)
        sources: tuple[tuple[str, Any], ...] = (
            ("initializationOptions", self._options),
            ("the editor's settings", self._configuration),
        )
        for place, values in sources:
            if isinstance(values, dict):
                layers.append(Layer(place, values, skips_defaults=self._skips_defaults))
            elif values not in (None, "", []):
                problems.append(Problem(place, "", "expected an object of settings"))
        layers.append(Layer("command line", dict(self._overrides)))
        settings, wrong = read_settings(layers)
        return settings, (*problems, *wrong)
