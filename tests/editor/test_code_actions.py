"""Code actions: which are offered, what they write, and that one edit holds all of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.errors import EngineUnavailableError
from tests.editor.desk import URI, Desk
from tests.writing_engine import WritingEngine

if TYPE_CHECKING:
    from pathlib import Path

    Json = dict[str, Any]

METHOD = "textDocument/codeAction"
EDIT = "workspace/applyEdit"
FUNCTION = "def area(width, height):\n    <CURSOR>return width * height\n"
EMPTY = "def area(width, height):\n    <CURSOR>pass\n"


def capabilities(*, applies: bool = True, **more: Any) -> Json:
    """Return the params of a client that applies edits and shows all there is to show."""
    client: Json = {
        "workspace": {
            "applyEdit": applies,
            "workspaceEdit": {
                "documentChanges": True,
                "resourceOperations": ["create", "rename", "delete"],
                "changeAnnotationSupport": {"groupsOnLabel": True},
            },
        },
        "textDocument": {
            "codeAction": {
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}},
                "resolveSupport": {"properties": ["edit"]},
            }
        },
        "window": {"workDoneProgress": True},
        "experimental": {"codelsp": {"preview": True}},
    }
    return {"capabilities": {**client, **more}}


def desk(engine: ScriptedEngine | None = None, **initialize: Any) -> Desk:
    made = Desk(engine, initialize=capabilities() | initialize)
    made.replies[EDIT] = {"applied": True}
    return made


def asked(params: Json, only: list[str] | None = None) -> Json:
    """Return the params of a request for code actions at the cursor."""
    context: Json = {"diagnostics": []} | ({"only": only} if only is not None else {})
    place = params["position"]
    return {
        "textDocument": params["textDocument"],
        "range": {"start": place, "end": place},
        "context": context,
    }


async def titles(desk: Desk, marked: str, **more: Any) -> list[str]:
    actions = await desk.answer(METHOD, asked(desk.open(marked, **more)))
    return [action["title"] for action in actions]


async def chosen(desk: Desk, marked: str, title: str, **more: Any) -> Json:
    """Choose a code action, and return the params of the edit that comes."""
    actions = await desk.answer(METHOD, asked(desk.open(marked, **more)))
    [action] = [each for each in actions if each["title"].startswith(title)]
    await desk.command(action["command"]["command"], *action["command"]["arguments"])
    [edit] = desk.all_of(EDIT)
    return dict(edit)


def applied(text: str, edit: Json, uri: str = URI) -> str:
    """Return ``text`` after the edits of ``uri``; columns are offsets here, all is ASCII."""
    edits = [
        each
        for change in edit["edit"]["documentChanges"]
        if change.get("kind") is None and change["textDocument"]["uri"] == uri
        for each in change["edits"]
    ]

    def offset(place: Json) -> int:
        lines = [*text.splitlines(keepends=True), ""]
        return sum(len(line) for line in lines[: place["line"]]) + int(place["character"])

    for each in sorted(edits, key=lambda each: offset(each["range"]["start"]), reverse=True):
        start, end = offset(each["range"]["start"]), offset(each["range"]["end"])
        text = text[:start] + each["newText"] + text[end:]
    return text


async def test_in_a_function_its_docstring_its_tests_and_its_body_are_offered() -> None:
    async with desk() as editor:
        # The name of the model is known once it is there.
        await editor.until_status("ready")
        assert await titles(editor, FUNCTION) == [
            "Write docstring of area (scripted)",
            "Write tests for area (scripted)",
            "Complete area (scripted)",
            "Complete area, second choice (scripted)",
            "Complete area, third choice (scripted)",
        ]


@pytest.mark.parametrize(
    ("marked", "language_id"),
    [
        ("import os\n<CURSOR>\nx = 1\n", "python"),
        ("class A:\n    x = <CURSOR>1\n", "python"),
        ("# Title\n\n<CURSOR>text\n", "markdown"),
        ("<CURSOR>", "python"),
        ("(() => { <CURSOR> })();\n", "javascript"),
    ],
)
async def test_outside_of_functions_nothing_is_offered(marked: str, language_id: str) -> None:
    async with desk() as editor:
        assert await titles(editor, marked, language_id=language_id) == []


async def test_a_function_with_a_docstring_is_not_offered_one() -> None:
    async with desk() as editor:
        found = await titles(editor, 'def f(a):\n    """Do it."""\n    <CURSOR>return a\n')

    assert not any("docstring" in title for title in found)


async def test_a_test_is_not_offered_tests() -> None:
    async with desk() as editor:
        uri = "file:///project/test_area.py"
        found = await titles(editor, "def test_a():\n    <CURSOR>assert 1\n", uri=uri)

    assert not any("tests" in title for title in found)


async def test_only_the_kinds_that_were_asked_for_are_offered() -> None:
    async with desk() as editor:
        params = editor.open(FUNCTION)
        docstring = await editor.answer(METHOD, asked(params, ["refactor.rewrite.docstring"]))
        fixes = await editor.answer(METHOD, asked(params, ["quickfix"]))
        all_of_them = await editor.answer(METHOD, asked(params, ["refactor"]))

    assert [each["kind"] for each in docstring] == ["refactor.rewrite.docstring"]
    assert fixes == []
    assert len(all_of_them) == 5


async def test_a_private_file_is_offered_nothing() -> None:
    async with desk() as editor:
        assert await titles(editor, FUNCTION, uri="file:///project/.ssh/a.py") == []


async def test_an_editor_that_cannot_apply_edits_is_offered_nothing() -> None:
    async with Desk(initialize={"capabilities": {}}) as editor:
        assert await titles(editor, FUNCTION) == []
        assert "codeActionProvider" not in editor.sent[0]["result"]["capabilities"]


def speaking() -> WritingEngine:
    """Return a model that knows what this docstring says, and goes on where it should not."""
    return WritingEngine(
        [
            [
                '"""Return the area of a rectangle. And more.',
                "width: The width of the rectangle, in metres.\n    height: Other.",
                "height: The height of the rectangle, in metres.",
            ]
        ]
    )


async def test_a_docstring_is_one_edit_that_says_which_model_wrote_it() -> None:
    async with desk(speaking()) as editor:
        edit = await chosen(editor, FUNCTION, "Write docstring")

    assert applied(FUNCTION.replace("<CURSOR>", ""), edit) == (
        "def area(width, height):\n"
        '    """Return the area of a rectangle.\n'
        "\n"
        "    Args:\n"
        "        width: The width of the rectangle, in metres.\n"
        "        height: The height of the rectangle, in metres.\n"
        "\n"
        "    Returns:\n"
        "        The result.\n"
        '    """\n'
        "    return width * height\n"
    )
    assert edit["label"] == "codelsp: docstring of area, written by scripted"
    for annotation in edit["edit"]["changeAnnotations"].values():
        assert annotation["label"] == "docstring of area, written by scripted"
        assert annotation["description"] == (
            "3 of 4 parts written by scripted; names and types gave the others"
        )


async def test_an_editor_shows_the_edit_first_and_has_it_ticked_already() -> None:
    async with desk(speaking()) as editor:
        edit = await chosen(editor, FUNCTION, "Write docstring")

    annotations = edit["edit"]["changeAnnotations"]
    [change] = edit["edit"]["documentChanges"]
    for each in change["edits"]:
        # VS Code leaves out what needs confirmation until the user ticks it.
        assert annotations[each["annotationId"]]["needsConfirmation"] == (not each["newText"])
    assert sum(annotation["needsConfirmation"] for annotation in annotations.values()) == 1


async def test_where_the_model_says_nothing_fit_names_and_types_speak() -> None:
    async with desk(ScriptedEngine(["!!"])) as editor:
        edit = await chosen(editor, FUNCTION, "Write docstring")

    assert '"""Area.' in applied(FUNCTION, edit)
    assert "width: The width." in applied(FUNCTION, edit)
    annotation, *_ = edit["edit"]["changeAnnotations"].values()
    assert annotation["description"].startswith("0 of 4 parts written by scripted")


async def test_what_is_being_written_is_shown_while_it_comes() -> None:
    engine = speaking()
    engine.delay_ms = 30.0
    async with desk(engine) as editor:
        await chosen(editor, FUNCTION, "Write docstring")
        previews = editor.all_of("codelsp/preview")
        progress = [each["value"] for each in editor.all_of("$/progress")]

    assert previews[0]["uri"] == URI
    assert not previews[0]["done"]
    assert previews[-1]["done"]
    assert previews[-1]["model"] == "scripted"
    assert "Return the area of a rectangle." in previews[-1]["text"]
    written = [each for each in progress if each.get("title") != "codelsp"]
    assert [each["kind"] for each in written][-1] == "end"
    assert any("Return the area" in each.get("message", "") for each in written)


async def test_the_editors_own_progress_is_used_where_it_gives_one() -> None:
    async with desk(speaking()) as editor:
        [action, *_] = await editor.answer(METHOD, asked(editor.open(FUNCTION)))
        params = {**action["command"], "workDoneToken": "mine"}
        await editor.answer("workspace/executeCommand", params)
        tokens = {each["token"] for each in editor.all_of("$/progress")}

    assert "mine" in tokens


@pytest.mark.parametrize("way", ["the request", "the progress"])
async def test_calling_it_off_stops_the_model_and_changes_nothing(way: str) -> None:
    engine = speaking()
    gate = engine.hold_at(2)
    async with desk(engine) as editor:
        [action, *_] = await editor.answer(METHOD, asked(editor.open(FUNCTION)))
        params = {**action["command"], "workDoneToken": "mine"}
        number, future = editor.begin("workspace/executeCommand", params)
        await asyncio.wait_for(gate.reached.wait(), 10)
        if way == "the request":
            editor.notify("$/cancelRequest", {"id": number})
        else:
            editor.notify("window/workDoneProgress/cancel", {"token": "mine"})
        response = await asyncio.wait_for(future, 10)
        assert response.get("result") is None
        for _ in range(2000):
            if not engine.n_running:
                break
            await asyncio.sleep(0.005)

        assert engine.runs[-1].was_cancelled
        assert editor.all_of(EDIT) == []
        assert editor.all_of("window/showMessage") == []


@pytest.mark.parametrize(
    ("line", "column", "typed"),
    [(1, 4, "x"), (0, 9, "big_"), (1, 0, "    pass\n"), (1, 25, "0")],
)
async def test_what_was_written_for_a_function_that_has_changed_is_not_applied(
    line: int, column: int, typed: str
) -> None:
    engine = speaking()
    gate = engine.hold_at(2)
    async with desk(engine) as editor:
        [action, *_] = await editor.answer(METHOD, asked(editor.open(FUNCTION)))
        _, future = editor.begin("workspace/executeCommand", action["command"])
        await asyncio.wait_for(gate.reached.wait(), 10)
        editor.insert(typed, line, column)
        gate.opened.set()
        await asyncio.wait_for(future, 10)
        [message] = await editor.until("window/showMessage")

        assert "changed while" in message["message"]
        assert editor.all_of(EDIT) == []


@pytest.mark.parametrize(("line", "typed"), [(0, "import os\n\n"), (3, "x = 1\n")])
async def test_what_is_typed_elsewhere_meanwhile_is_kept(line: int, typed: str) -> None:
    engine = speaking()
    gate = engine.hold_at(2)
    text = "\n" + FUNCTION.replace("<CURSOR>", "") + "\n"
    async with desk(engine) as editor:
        params = editor.open("\n" + FUNCTION + "\n")
        [action, *_] = await editor.answer(METHOD, asked(params))
        _, future = editor.begin("workspace/executeCommand", action["command"])
        await asyncio.wait_for(gate.reached.wait(), 10)
        editor.insert(typed, line, 0)
        gate.opened.set()
        await asyncio.wait_for(future, 10)
        [edit] = editor.all_of(EDIT)

    lines = text.splitlines(keepends=True)
    after = "".join(lines[:line]) + typed + "".join(lines[line:])
    whole = applied(after, edit)
    assert 'def area(width, height):\n    """Return the area of a rectangle.\n' in whole
    assert whole.endswith("return width * height\n" + (typed if line else "") + "\n")


@pytest.mark.parametrize(
    ("marked", "arguments", "said"),
    [
        ("x = <CURSOR>1\n", [{"uri": URI, "position": {"line": 0, "character": 4}}],
         "There is no function at the cursor; put it inside of one."),
        (FUNCTION, [], "put the cursor in a function"),
        (FUNCTION, [{"uri": "file:///other.py", "position": {"line": 0, "character": 0}}],
         "is not open"),
        (FUNCTION, [{"uri": URI, "position": {"line": 99, "character": 0}}], "line 99"),
        (FUNCTION, [{"uri": URI}], "give it {uri, position}"),
        ('def f():\n    """Do."""\n', [{"uri": URI, "position": {"line": 0, "character": 5}}],
         "`f` has a docstring already."),
    ],
)  # fmt: skip
async def test_a_docstring_asked_for_where_none_can_stand_is_one_clear_message(
    marked: str, arguments: list[Json], said: str
) -> None:
    async with desk() as editor:
        editor.open(marked)
        result = await editor.command("codelsp.writeDocstring", *arguments)
        [message] = await editor.until("window/showMessage")

        assert result is None
        assert said.replace("give it {", "give {") in message["message"].replace(
            "give it {", "give {"
        )
        assert len(editor.all_of("window/showMessage")) == 1
        assert editor.all_of(EDIT) == []


async def test_an_engine_that_fails_is_said_and_changes_nothing() -> None:
    engine = speaking()
    engine.fail_with(EngineUnavailableError("The engine has gone."), times=10)
    async with desk(engine) as editor:
        [action, *_] = await editor.answer(METHOD, asked(editor.open(FUNCTION)))
        await editor.command(action["command"]["command"], *action["command"]["arguments"])
        messages = await editor.until("window/showMessage")

    assert "The engine has gone." in messages[-1]["message"]
    assert editor.all_of(EDIT) == []


async def test_a_body_is_written_in_the_place_of_its_placeholder() -> None:
    async with desk(ScriptedEngine(["    return width * height\n"])) as editor:
        edit = await chosen(editor, EMPTY, "Complete area (")

    assert applied(EMPTY.replace("<CURSOR>", ""), edit) == (
        "def area(width, height):\n    return width * height\n"
    )
    assert edit["label"] == "codelsp: body of area, written by scripted"


async def test_the_second_choice_is_another_body_and_costs_no_new_generation() -> None:
    answers = [
        Answer("    return width * height\n", log_probs=(-0.1,)),
        Answer("    return height * width\n", log_probs=(-0.5,)),
        Answer("    return height * width\n", log_probs=(-0.5,)),
    ]
    engine = ScriptedEngine(answers)
    async with desk(engine) as editor:
        best = await chosen(editor, EMPTY, "Complete area (")
        n_runs = len(engine.runs)
        actions = await editor.answer(METHOD, asked(editor.open(EMPTY)))
        del editor.sent[:]
        params = actions[-2]["command"]
        await editor.command(params["command"], *params["arguments"])
        [second] = editor.all_of(EDIT)
        last = actions[-1]["command"]
        await editor.command(last["command"], *last["arguments"])
        [message] = await editor.until("window/showMessage")

    assert "return width * height" in applied(EMPTY, best)
    assert "return height * width" in applied(EMPTY, second)
    assert message["message"] == "codelsp: The model found only 2 different ways to go on."
    assert len(engine.runs) == n_runs


async def test_a_client_that_applies_edits_of_actions_alone_gets_the_edit_by_resolving() -> None:
    params = capabilities(applies=False)
    async with Desk(speaking(), initialize=params) as editor:
        actions = await editor.answer(METHOD, asked(editor.open(FUNCTION)))
        resolved = await editor.answer("codeAction/resolve", actions[0])

    assert "command" not in actions[0]
    assert "Return the area of a rectangle." in applied(FUNCTION, resolved)
    assert resolved["title"] == "docstring of area, written by scripted"


async def test_tests_go_into_a_new_file_in_the_framework_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["pytest"]\n')
    (tmp_path / "tests").mkdir()
    uri = (tmp_path / "shapes.py").as_uri()
    engine = WritingEngine([["assert area(3, 4) == 12"]])
    folders = [{"uri": tmp_path.as_uri(), "name": "project"}]
    async with desk(engine, workspaceFolders=folders) as editor:
        edit = await chosen(editor, FUNCTION, "Write tests", uri=uri)

    create, change = edit["edit"]["documentChanges"]
    test_uri = (tmp_path / "tests" / "test_shapes.py").as_uri()
    assert (create["kind"], create["uri"]) == ("create", test_uri)
    assert change["textDocument"] == {"uri": test_uri, "version": None}
    assert applied("", edit, test_uri) == (
        "from shapes import area\n\n\ndef test_area():\n    assert area(3, 4) == 12\n"
    )
    assert "def area(width, height):" in engine.prompts[-1]


async def test_tests_are_added_to_the_file_of_tests_that_is_there(tmp_path: Path) -> None:
    there = "import unittest\n\n\nclass TestOther(unittest.TestCase):\n    pass\n"
    test = tmp_path / "test_shapes.py"
    test.write_text(there)
    engine = ScriptedEngine(["7"])
    uri = (tmp_path / "shapes.py").as_uri()
    async with desk(engine) as editor:
        edit = await chosen(editor, FUNCTION, "Write tests", uri=uri)

    assert applied(there, edit, test.as_uri()) == (
        "import unittest\nfrom shapes import area\n\n\n"
        "class TestOther(unittest.TestCase):\n    pass\n\n\n"
        "class TestArea(unittest.TestCase):\n"
        "    def test_area(self):\n"
        "        self.assertEqual(area(7, 7), 7)\n"
    )


async def test_a_private_file_of_tests_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_shapes.py").write_text("x = 1\n")
    uri = (tmp_path / "shapes.py").as_uri()
    made = Desk(initialize=capabilities(), overrides={"exclude": ["test_shapes.py"]})
    async with made as editor:
        actions = await editor.answer(METHOD, asked(editor.open(FUNCTION, uri=uri)))
        params = actions[1]["command"]
        await editor.command(params["command"], *params["arguments"])
        [message] = await editor.until("window/showMessage")

    assert message["message"] == "codelsp: test_shapes.py is private and is left alone."
    assert editor.all_of(EDIT) == []


async def test_line_ends_are_those_of_the_document() -> None:
    marked = "def area(width, height):\r\n    <CURSOR>pass\r\n"
    async with desk(ScriptedEngine(["    if width:\n        return 1\n    return 2\n"])) as editor:
        body = await chosen(editor, marked, "Complete area (")
        del editor.sent[:]
        docstring = await chosen(editor, marked, "Write docstring")

    for edit in (body, docstring):
        [change] = edit["edit"]["documentChanges"]
        text = "".join(each["newText"] for each in change["edits"])
        assert text.count("\n") == text.count("\r\n") > 1
