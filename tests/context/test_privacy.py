"""Secrets are neither completed nor read, and the answer says why."""

from __future__ import annotations

import pytest

from codelsp.context.privacy import PrivacyRules

ROOT = "file:///home/ada/project"


def reason(name: str, *exclude: str, root: str = ROOT) -> str | None:
    uri = name if ":" in name else f"{ROOT}/{name}"
    return PrivacyRules(exclude).reason_excluded(uri, root)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (".env", ".env"),
        (".env.production", ".env.*"),
        ("prod.env", "*.env"),
        ("a/b/server.pem", "*.pem"),
        ("SERVER.PEM", "*.pem"),
        ("tls.key", "*.key"),
        ("id_rsa", "id_rsa*"),
        ("id_rsa.pub", "id_rsa*"),
        ("id_ed25519", "id_ed25519*"),
        ("credentials", "credentials"),
        ("credentials.json", "credentials.*"),
        (".netrc", ".netrc"),
        (".npmrc", ".npmrc"),
        (".pypirc", ".pypirc"),
        ("vault.kdbx", "*.kdbx"),
        ("cert.p12", "*.p12"),
        ("secrets.yaml", "secrets.*"),
        ("secrets.py", "secrets.*"),
        ("k8s/db-secret.yml", "*secret.yml"),
        (".git-credentials", ".git-credentials"),
        ("terraform.tfstate", "*.tfstate"),
        ("terraform.tfstate.backup", "*.tfstate.*"),
        ("prod.tfvars", "*.tfvars"),
        (".aws/credentials", ".aws/"),
        (".aws/config", ".aws/"),
        (".ssh/config", ".ssh/"),
        (".docker/config.json", ".docker/config.json"),
        (".config/gcloud/application_default_credentials.json", ".config/gcloud/"),
        ("file:///c%3A/Users/Ada/.SSH/known_hosts", ".ssh/"),
        ("file:///home/ada/%2Eenv", ".env"),
        ("untitled:.env", ".env"),
        ("vscode-notebook-cell:/home/ada/.ssh/nb.ipynb#W1", ".ssh/"),
    ],
)
def test_a_secret_is_excluded_and_the_rule_is_named(name: str, rule: str) -> None:
    assert reason(name) == f"built-in list of secrets: {rule}"


@pytest.mark.parametrize(
    "name",
    [
        "main.py",
        "credentials.ts",
        "credentials_test.go",
        "key.py",
        "keyboard.c",
        "environment.py",
        ".env.example",
        "aws/config.py",
        "ssh/client.py",
        "docker/config.json",
        "untitled:Untitled-1",
        "monkey.js",
    ],
)
def test_code_that_only_sounds_like_a_secret_is_completed(name: str) -> None:
    assert reason(name) is None


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        pytest.param("*.sql", "db/schema.sql", id="a name anywhere"),
        pytest.param("vendor/", "vendor/lib/a.js", id="a folder"),
        pytest.param("/vendor", "vendor/a.js", id="from the workspace's root"),
        pytest.param("src/**/generated", "src/a/b/generated/x.py", id="any depth"),
        pytest.param("private\\*.py", "private/a.py", id="Windows slashes"),
        pytest.param("/home/ada/other/**", "file:///home/ada/other/a.py", id="a whole path"),
        pytest.param("nb.ipynb", "vscode-notebook-cell:/home/ada/project/nb.ipynb#W1", id="a cell"),
        pytest.param("Untitled-*", "untitled:Untitled-3", id="an unsaved document"),
    ],
)
def test_the_users_globs_exclude_as_in_gitignore(glob: str, name: str) -> None:
    assert reason(name, "*.never", glob) == f"setting `exclude`: {glob}"


@pytest.mark.parametrize(
    ("globs", "name"),
    [
        pytest.param(("*.sql",), "schema.py", id="another name"),
        pytest.param(("/vendor",), "src/vendor/a.js", id="not at the root"),
        pytest.param(("*.gen.py", "!keep.gen.py"), "keep.gen.py", id="taken back"),
        pytest.param(("", "  ", "# a comment"), "a.py", id="nothing to match"),
        pytest.param(("***[", "[z-a]"), "a.py", id="no globs at all"),
    ],
)
def test_what_no_glob_names_is_completed(globs: tuple[str, ...], name: str) -> None:
    assert reason(name, *globs) is None


def test_a_wrong_glob_does_not_switch_the_others_off() -> None:
    assert reason("a.sql", "!", "*.sql") == "setting `exclude`: *.sql"


def test_a_glob_cannot_take_a_secret_back() -> None:
    assert reason(".env", "!.env") == "built-in list of secrets: .env"
