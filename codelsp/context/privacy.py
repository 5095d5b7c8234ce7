"""Which documents are neither completed nor used as context, and by which rule.

Two lists: secrets, built in and always on, and the user's globs (the setting ``exclude``), in the
syntax of gitignore, matched against the path in the workspace, the bare name and the whole path.

Architecture invariant: pure.  Files are judged by their names, never opened.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from codelsp.context.paths import path_of, relative_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pathspec import GitIgnoreSpec

SECRET_NAMES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    ".flaskenv",
    "*.pem",
    "*.key",
    "*.crt.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.pkcs12",
    "*.jks",
    "*.keystore",
    "*.ppk",
    "*.gpg",
    "*.pgp",
    "*.asc",
    "*.age",
    "*.kdb",
    "*.kdbx",
    "*.agilekeychain",
    "*.keychain",
    "*.keychain-db",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "credentials",
    "credentials.*",
    "*_credentials.json",
    "*-credentials.json",
    "client_secret*.json",
    "service-account*.json",
    "service_account*.json",
    "secret",
    "secrets",
    "secret.*",
    "secrets.*",
    "*.secret",
    "*.secrets",
    "*secret.yaml",
    "*secret.yml",
    "*secrets.yaml",
    "*secrets.yml",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    "*.tfvars.json",
    ".terraformrc",
    "terraform.rc",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".pgpass",
    "pgpass.conf",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    ".dockerconfigjson",
    ".s3cfg",
    ".boto",
    ".vault-token",
    ".vault_pass*",
    "vault_pass*",
    "kubeconfig",
    "*.kubeconfig",
    "wp-config.php",
    "master.key",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".node_repl_history",
    ".psql_history",
    ".mysql_history",
)
"""Names of secrets, in lower case, with ``*``; compared without regard to case."""

_HARMLESS_NAMES = (
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    ".env.d.ts",
    "*.py",
    "*.pyi",
    "*.js",
    "*.mjs",
    "*.jsx",
    "*.ts",
    "*.tsx",
    "*.go",
    "*.rs",
    "*.java",
    "*.kt",
    "*.cs",
    "*.c",
    "*.h",
    "*.cc",
    "*.cpp",
    "*.hpp",
    "*.rb",
    "*.swift",
    "*.scala",
)
"""Code and examples that are named after secrets: ``credentials.ts`` is likely to be a class."""

_ALWAYS_SECRET = ("secret.*", "secrets.*", "id_*")
"""Secrets even where they look like code: ``secrets.py`` holds passwords by custom."""

SECRET_FOLDERS = (".ssh", ".gnupg", ".aws", ".azure", ".kube", ".gcloud", ".password-store")
"""Everything in these is a secret, whatever it is called."""

SECRET_PATHS = (
    ".docker/config.json",
    ".config/gh/hosts.yml",
    ".config/gcloud/",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".m2/settings.xml",
    ".gradle/gradle.properties",
    ".terraform.d/credentials.tfrc.json",
    "gh/hosts.yml",
)
"""Ends of paths, or folders with ``/``, that hold access tokens by custom."""


class PrivacyRules:
    """The secrets built in, and the user's globs."""

    def __init__(self, exclude: Sequence[str] = ()) -> None:
        """Take the globs of the setting ``exclude``; one that is no glob matches nothing."""
        self._exclude = tuple(glob for glob in exclude if glob.strip())
        self._compiled: tuple[GitIgnoreSpec, list[str]] | None = None

    def reason_excluded(self, uri: str, root: str = "") -> str | None:
        """Return the rule that excludes ``uri``, for a person to read; None if there is none.

        Args:
            uri: Of the document; of a notebook's cell, the notebook counts.
            root: URI of the workspace folder; empty for none.
        """
        secret = _secret_rule(path_of(uri))
        if secret is not None:
            return f"built-in list of secrets: {secret}"
        glob = self._glob_of(uri, root)
        return None if glob is None else f"setting `exclude`: {glob}"

    def _glob_of(self, uri: str, root: str) -> str | None:
        if not self._exclude:
            return None
        spec, globs = self._compiled = self._compiled or _compile(self._exclude)
        path, relative = path_of(uri), relative_path(uri, root)
        for form in (relative, path.rpartition("/")[2], path.lstrip("/"), path):
            result = spec.check_file(form) if form else None
            if result is not None and result.include and result.index is not None:
                return globs[result.index]
        return None


def _compile(exclude: Sequence[str]) -> tuple[GitIgnoreSpec, list[str]]:
    """Return the globs as one rule, and those that are globs, in the order of the rule."""
    # Loading the library takes 30 ms, which a user without globs should not pay.
    from pathspec import GitIgnoreSpec

    globs, lines = [], []
    for glob in exclude:
        # Windows slashes are as good as others; gitignore would take them for escapes.
        line = glob.replace("\\", "/")
        try:
            GitIgnoreSpec.from_lines([line])
        except (ValueError, re.error):
            continue
        globs.append(glob)
        lines.append(line)
    return GitIgnoreSpec.from_lines(lines), globs


@lru_cache(maxsize=512)
def _secret_rule(path: str) -> str | None:
    path = path.lower()
    *folders, name = path.split("/")
    for folder in SECRET_FOLDERS:
        if folder in folders:
            return f"{folder}/"
    for end in SECRET_PATHS:
        if f"/{path}".endswith(f"/{end}") or (end.endswith("/") and f"/{end}" in f"/{path}"):
            return end
    for pattern in SECRET_NAMES:
        if fnmatchcase(name, pattern) and not _is_harmless(name):
            return pattern
    return None


def _is_harmless(name: str) -> bool:
    if any(fnmatchcase(name, pattern) for pattern in _ALWAYS_SECRET):
        return False
    return any(fnmatchcase(name, pattern) for pattern in _HARMLESS_NAMES)
