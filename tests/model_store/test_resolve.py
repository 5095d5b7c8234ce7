"""A name, a file, a folder or a Hub id is found, or it is said what there is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codelsp.errors import ModelError, ModelFileError, ModelNotFoundError
from codelsp.model_store import (
    DEFAULT_MODEL,
    ModelKind,
    embedded_models,
    list_models,
    places,
    resolve_model,
    store_dir,
)
from codelsp.model_store.keep import add_model, remove_model
from codelsp.model_store.places import embedded_dir
from codelsp.model_store.verify import verify_model
from tests.model_store.files import gguf_file, hf_folder

EMBEDDED = [DEFAULT_MODEL, "codelsp-m"]


def names() -> list[str]:
    return [model.name for model in list_models()]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def test_no_name_means_the_embedded_model() -> None:
    model = resolve_model("")

    assert model.name == DEFAULT_MODEL
    assert model.kind is ModelKind.GGUF
    assert model.is_embedded
    assert embedded_models()[0] == model == resolve_model(DEFAULT_MODEL)


def test_the_larger_model_for_more_languages_is_there_by_its_name() -> None:
    assert [model.name for model in embedded_models()] == EMBEDDED
    assert resolve_model("codelsp-m").is_embedded


def test_a_folder_with_both_kinds_gives_the_one_that_is_preferred() -> None:
    assert resolve_model("", ModelKind.HF).kind is ModelKind.HF
    assert resolve_model("", ModelKind.HF).path == resolve_model("").path.parent


def test_an_installed_wheel_has_its_models_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "codelsp"
    inside = package / "models" / DEFAULT_MODEL
    inside.mkdir(parents=True)
    shutil.copy(resolve_model("").path, inside)
    monkeypatch.setattr(places, "__file__", str(package / "model_store" / "places.py"))

    assert resolve_model("").path.parent == inside
    assert resolve_model("", ModelKind.HF).kind is ModelKind.GGUF


def test_a_damaged_installation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "__file__", str(tmp_path / "codelsp" / "model_store" / "p.py"))

    with pytest.raises(ModelFileError, match="install codelsp again"):
        resolve_model("")
    with pytest.raises(ModelNotFoundError, match="Models here: none"):
        resolve_model("other")


def test_a_file_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gguf_file(tmp_path / "Some Model.gguf")
    monkeypatch.chdir(tmp_path)

    assert resolve_model(str(path)).path == path
    assert resolve_model("Some Model.gguf").path == path
    assert resolve_model(str(path)).name == "Some Model"


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gguf_file(tmp_path / "m.gguf")
    monkeypatch.setattr(
        Path, "expanduser", lambda path: Path(str(path).replace("~", str(tmp_path)))
    )

    assert resolve_model("~/m.gguf").path == tmp_path / "m.gguf"


def test_a_folder_is_a_model(tmp_path: Path) -> None:
    folder = hf_folder(tmp_path / "mine")

    assert resolve_model(str(folder)).kind is ModelKind.HF
    assert resolve_model(str(folder / "model.safetensors")).path == folder


@pytest.mark.parametrize("name", ["a.bin", "pytorch_model.pt", "x.PTH", "dir/y.ckpt", "z.pkl"])
def test_a_pickle_is_refused_by_name(name: str) -> None:
    with pytest.raises(ModelFileError, match="may run any code"):
        resolve_model(name)


def test_a_folder_of_pickles_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")

    with pytest.raises(ModelFileError, match=r"pytorch_model\.bin is a pickle"):
        resolve_model(str(tmp_path))


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="holds no model"):
        resolve_model(str(tmp_path))


@pytest.mark.parametrize("name", ["nothing", "../nothing", "/nowhere/m.gguf", ".", "a b", "\x00"])
def test_what_is_not_there_is_told_with_what_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ModelNotFoundError, ModelFileError)) as caught:
        resolve_model(name)
    assert DEFAULT_MODEL in str(caught.value) or name == "."


def test_a_hub_id_that_transformers_has_downloaded_is_found(tmp_path: Path) -> None:
    snapshots = tmp_path / "hub" / "models--some--coder" / "snapshots"
    hf_folder(snapshots / "abc")

    model = resolve_model("some/coder")

    assert model.path == snapshots / "abc"
    assert model.name == "some/coder"


def test_a_hub_id_that_is_not_here_is_told_how_to_get() -> None:
    with pytest.raises(ModelNotFoundError, match="codelsp models pull some/coder:FILE"):
        resolve_model("some/coder")


def test_a_model_is_added_listed_and_removed_and_its_file_stays(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "m.gguf")

    added = add_model(path, "mine")

    assert resolve_model("mine") == added
    assert added.path == path
    assert names() == [*EMBEDDED, "mine"]
    remove_model("mine")
    assert path.exists()
    assert names() == EMBEDDED


def test_a_model_may_take_the_place_of_an_embedded_one(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "m.gguf")
    add_model(path, DEFAULT_MODEL)

    assert resolve_model(DEFAULT_MODEL).path == path
    assert resolve_model("").is_embedded
    assert sorted(names()) == sorted(EMBEDDED)


def test_a_folder_can_be_added(tmp_path: Path) -> None:
    folder = hf_folder(tmp_path / "folder")
    add_model(folder, "mine")

    assert resolve_model("mine").path == folder
    assert resolve_model("mine").kind is ModelKind.HF


def test_a_name_is_given_once(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "m.gguf")
    add_model(path, "mine")

    with pytest.raises(ModelError, match="already"):
        add_model(path, "mine")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "~", ".hidden", "-x", "a:b"])
def test_a_name_cannot_lead_out_of_the_store(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="no name for a model"):
        add_model(gguf_file(tmp_path / "m.gguf"), name)
    with pytest.raises(ModelError, match="no name for a model"):
        remove_model(name)


def test_a_damaged_file_is_not_added(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes()[:300])

    with pytest.raises(ModelFileError):
        add_model(path, "mine")
    assert names() == EMBEDDED


def test_removing_what_the_store_does_not_have_is_told() -> None:
    with pytest.raises(ModelNotFoundError, match="embedded models cannot be removed"):
        remove_model(DEFAULT_MODEL)


def test_an_entry_whose_file_is_gone_is_told_and_not_listed(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "m.gguf")
    add_model(path, "mine")
    path.unlink()

    with pytest.raises(ModelFileError, match="codelsp models remove mine"):
        resolve_model("mine")
    assert names() == EMBEDDED


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"path": "x", "kind": "pickle"}'])
def test_a_damaged_entry_is_told_and_can_be_removed(manifest: str) -> None:
    folder = store_dir() / "mine"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(manifest, "utf-8")

    with pytest.raises(ModelFileError, match="damaged"):
        resolve_model("mine")
    remove_model("mine")
    assert not folder.exists()


def test_the_embedded_model_is_what_its_hashes_say() -> None:
    assert any("has its hash" in line for line in verify_model())


def test_a_changed_file_is_found_out(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "m.gguf", padding=32)
    add_model(path, "mine")
    assert len(verify_model("mine")) == 2
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(ModelFileError, match="not the file it was"):
        verify_model("mine")


def test_a_file_without_known_hash_is_checked_by_its_head(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "m.gguf")

    assert "no hashes" in verify_model(str(path))[1]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ModelFileError, match="truncated"):
        verify_model(str(path))


def test_a_folder_whose_weights_are_cut_off_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        shutil.copyfile(embedded_dir() / DEFAULT_MODEL / name, folder / name)
    whole = verify_model(str(folder))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])

    assert whole[0].startswith("model.safetensors is whole")
    with pytest.raises(ModelFileError, match="truncated"):
        verify_model(str(folder))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelFileError, match=r"has no tokenizer\.json"):
        verify_model(str(folder))
