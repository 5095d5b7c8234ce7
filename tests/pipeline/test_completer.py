"""One request after another through the whole pipeline, over a scripted engine."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.context.completion_context import SelectedCompletion, Trigger
from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.errors import EngineRefusedError, EngineUnavailableError
from codelsp.pipeline.answer import Outcome, StatusKind
from tests.pipeline.desk import Desk, until

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree

UNFINISHED = "def area(width, height):\n    return <CURSOR>\n"


async def test_a_request_gets_what_the_model_writes() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])

    answer = await desk.ask()

    assert desk.accept(answer) == "def area(width, height):\n    return width * height\n"
    assert desk.completer.explain_last()["source"] == "model"


async def test_typing_what_is_shown_asks_the_model_only_once() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    await desk.ask()

    remainders = []
    for character in "width * ":
        desk.type(character)
        remainders.append(desk.shown(await desk.ask()))

    assert remainders[0] == "idth * height"
    assert remainders[-1] == "height"
    assert len(desk.engine.runs) == 1


async def test_backspace_within_what_was_typed_shows_the_same_text_again() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    await desk.ask()
    desk.type("wi")
    await desk.ask()
    desk.backspace()

    assert desk.shown(await desk.ask()) == "idth * height"
    assert len(desk.engine.runs) == 1


@pytest.mark.parametrize(("gathering_ms", "least", "most"), [(0, 50, 1000), (300, 0, 50)])
async def test_gathering_the_context_is_part_of_the_wait_for_another_key(
    monkeypatch: pytest.MonkeyPatch, gathering_ms: int, least: int, most: int
) -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"], debounce_ms=200)
    tree_of = desk.store.tree

    def slow(document: DocumentSnapshot) -> SyntaxTree | None:
        time.sleep(gathering_ms / 1e3)
        return tree_of(document)

    monkeypatch.setattr(desk.store, "tree", slow)
    await desk.ask()

    assert least <= desk.completer.explain_last()["stages_ms"]["debounce"] <= most


async def test_typing_something_else_asks_the_model_again() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "height + 2\n"])
    await desk.ask()
    desk.type("-")

    assert desk.shown(await desk.ask()) == "height + 2"
    assert len(desk.engine.runs) == 2


async def test_a_closer_added_by_the_editor_is_covered_by_the_remainder() -> None:
    desk = Desk.with_document("total = sum<CURSOR>\n", ["(values)\n"])
    await desk.ask()
    desk.type("(", auto_closed=")")

    answer = await desk.ask()

    assert desk.accept(answer) == "total = sum(values)\n"
    assert len(desk.engine.runs) == 1


async def test_the_newest_request_wins_and_the_older_is_answered_superseded() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "height + 2\n"])
    gate = desk.engine.hold_at(1)
    older = desk.start()
    await gate.reached.wait()
    desk.type("-")
    newer = desk.start()

    assert (await older).is_superseded
    assert desk.shown(await newer) == "height + 2"
    assert desk.engine.runs[0].was_cancelled


async def test_who_was_superseded_goes_on_with_other_work() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "height + 2\n"])
    gate = desk.engine.hold_at(1)

    async def ask_and_go_on() -> str:
        answer = await desk.ask()
        await asyncio.sleep(0)
        # A time limit further up tells its own cancelling from others' by their number.
        await asyncio.wait_for(asyncio.sleep(0), 10)
        return "superseded" if answer.is_superseded else "answered"

    older = asyncio.create_task(ask_and_go_on())
    await gate.reached.wait()
    desk.type("-")
    await desk.ask()

    assert await older == "superseded"
    if sys.version_info >= (3, 11):
        assert older.cancelling() == 0


async def test_one_of_two_who_ask_the_same_is_cancelled_and_the_other_is_not() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "height + 2\n"])
    gate = desk.engine.hold_at(1)
    first = desk.start()
    await gate.reached.wait()
    second, third = desk.start(), desk.start()
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    assert not first.done()
    gate.opened.set()

    assert desk.shown(await first) == desk.shown(await third) == "width * height"
    assert second.cancelled()
    assert len(desk.engine.runs) == 1


async def test_a_request_that_agrees_attaches_to_the_running_generation() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    gate = desk.engine.hold_at(1)
    older = desk.start()
    await gate.reached.wait()
    desk.type("w")
    newer = desk.start()
    await asyncio.sleep(0)
    gate.opened.set()

    assert (await older).is_superseded
    assert desk.shown(await newer) == "idth * height"
    assert len(desk.engine.runs) == 1
    assert desk.completer.explain_last()["source"] == "attached"


async def test_an_attached_request_starts_anew_when_the_generation_turns_elsewhere() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", " x_offset\n"])
    gate = desk.engine.hold_at(0)
    older = desk.start()
    await gate.reached.wait()
    desk.type("x")
    newer = desk.start()
    await asyncio.sleep(0.01)
    gate.opened.set()

    assert (await older).is_superseded
    assert desk.shown(await newer) == "_offset"
    assert len(desk.engine.runs) == 2


async def test_cancelling_a_request_stops_the_model_at_once() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    gate = desk.engine.hold_at(2)
    task = desk.start()
    await gate.reached.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: desk.engine.n_running == 0)
    assert desk.engine.runs[0].was_cancelled
    assert desk.engine.runs[0].n_delivered == 2


async def test_a_cancelled_request_leaves_its_generation_to_the_next_keystroke() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    gate = desk.engine.hold_at(1)
    older = desk.start()
    await gate.reached.wait()
    desk.type("w")
    older.cancel()
    with pytest.raises(asyncio.CancelledError):
        await older
    newer = desk.start()
    await asyncio.sleep(0)
    gate.opened.set()

    assert desk.shown(await newer) == "idth * height"
    assert len(desk.engine.runs) == 1


async def test_an_edit_that_contradicts_a_running_generation_stops_it() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    gate = desk.engine.hold_at(1)
    task = desk.start()
    await gate.reached.wait()

    desk.type("?")

    assert (await task).is_superseded
    await until(lambda: desk.engine.n_running == 0)


async def test_an_answer_that_comes_after_more_was_typed_is_shortened_by_it() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    gate = desk.engine.hold_at(1)
    task = desk.start()
    await gate.reached.wait()
    desk.type("wid")
    gate.opened.set()

    answer = await task

    assert desk.accept(answer) == "def area(width, height):\n    return width * height\n"


async def test_two_equal_requests_of_one_keystroke_share_one_generation() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    gate = desk.engine.hold_at(1)
    tasks = [desk.start(), desk.start()]
    await gate.reached.wait()
    gate.opened.set()

    answers = await asyncio.gather(*tasks)

    assert [desk.shown(answer) for answer in answers] == ["width * height"] * 2
    assert len(desk.engine.runs) == 1


async def test_of_two_equal_requests_one_survives_the_cancelling_of_the_other() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "width * height\n"])
    gate = desk.engine.hold_at(1)
    first, second = desk.start(), desk.start()
    await gate.reached.wait()
    first.cancel()
    gate.opened.set()

    assert desk.shown(await second) == "width * height"


async def test_fifty_keystrokes_in_a_row_are_answered_exactly_once_each() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    desk.engine.delay_ms = 2.0
    tasks = []
    for character in "some_long_name_that_nobody_would_ever_guess_at_all_":
        desk.type(character)
        tasks.append(desk.start())
        await asyncio.sleep(0.001)

    answers = await asyncio.gather(*tasks)

    assert all(answer.is_superseded for answer in answers[:-1])
    assert not answers[-1].is_superseded
    assert desk.engine.most_at_once == 1


async def test_an_explicit_request_gets_several_candidates() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "width + height\n", "width\n"])

    answer = await desk.ask(Trigger.INVOKED)

    assert {each.text for each in answer.insertions} == {
        "width * height",
        "width + height",
        "width",
    }
    assert [request.seed for request in desk.engine.requests] == [0, 1, 2]


async def test_an_explicit_request_is_not_answered_with_the_single_automatic_one() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "width * height\n", "width + 1\n"])
    await desk.ask()

    answer = await desk.ask(Trigger.INVOKED)

    assert len(answer.insertions) > 1


async def test_the_entry_chosen_in_the_popup_is_extended() -> None:
    desk = Desk.with_document("import os\nos.pa<CURSOR>\n", [".join(root, name)\n"])
    start = desk.offset - 2
    selected = SelectedCompletion(start, desk.offset, "path")

    answer = await desk.ask(selected=selected)

    assert answer.insertions[0].start == start
    assert desk.accept(answer) == "import os\nos.path.join(root, name)\n"


async def test_the_text_after_acceptance_is_ready_before_it_is_asked_for() -> None:
    desk = Desk.with_document(
        "def area(width, height):\n    size = <CURSOR>\n",
        lambda prompt: "width * height\n" if prompt.endswith("size =") else "\n    return size\n",
        speculate=True,
    )
    answer = await desk.ask()
    await until(lambda: len(desk.engine.runs) == 2 and desk.engine.n_running == 0)
    await asyncio.sleep(0.02)
    desk.accept(answer)

    await desk.ask()

    assert desk.completer.explain_last()["source"] == "cache"
    assert len(desk.engine.runs) == 2


async def test_a_keystroke_ends_speculation() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "\n    more\n"], speculate=True)
    await desk.ask()
    gate = desk.engine.hold_at(0)
    await gate.reached.wait()

    desk.type("q")

    await until(lambda: desk.engine.n_running == 0)
    assert desk.engine.runs[-1].was_cancelled


TWO_PLACES = "def area(width, height):\n    return <CURSOR>\n\n\ndef edge(width):\n    return \n"


async def test_where_the_cursor_rests_the_answer_is_ready_before_the_first_key() -> None:
    desk = Desk.with_document(TWO_PLACES, ["width * height\n", "4 * width\n"], speculate=True)
    await desk.ask()
    desk.offset = len(desk.document.text) - 1

    desk.rest()
    await until(lambda: len(desk.engine.runs) == 2 and desk.engine.n_running == 0)
    await asyncio.sleep(0.2)
    desk.type("4")

    assert desk.shown(await desk.ask()) == " * width"
    assert desk.completer.explain_last()["source"] == "cache"
    assert len(desk.engine.runs) == 2


async def test_a_cursor_that_rests_after_a_key_does_not_end_speculation() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "\n    more\n"], speculate=True)
    answer = await desk.ask()
    gate = desk.engine.hold_at(0)
    await gate.reached.wait()

    desk.rest()
    gate.opened.set()
    await until(lambda: desk.engine.n_running == 0)
    await asyncio.sleep(0.2)
    desk.accept(answer)
    await desk.ask()

    assert desk.completer.explain_last()["source"] == "cache"
    assert len(desk.engine.runs) == 2


async def test_a_key_ends_what_was_begun_for_a_cursor_at_rest() -> None:
    desk = Desk.with_document(TWO_PLACES, ["width * height\n", "4 * width\n"], speculate=True)
    await desk.ask()
    desk.offset = len(desk.document.text) - 1
    gate = desk.engine.hold_at(0)
    desk.rest()
    await gate.reached.wait()

    desk.type("q")

    await until(lambda: desk.engine.n_running == 0)
    assert desk.engine.runs[-1].was_cancelled


@pytest.mark.parametrize("settings", [{"speculate": False}, {"suggest_in_comments": "off"}])
async def test_nothing_is_begun_where_nothing_would_be_shown(settings: dict[str, Any]) -> None:
    desk = Desk.with_document(
        "def area(width, height):\n    return <CURSOR>\n\n\n# and then \n",
        ["width * height\n", "this"],
        **{"speculate": True, **settings},
    )
    await desk.ask()
    desk.offset = len(desk.document.text) - 1

    desk.rest()
    await asyncio.sleep(0.3)

    assert len(desk.engine.runs) == 1


@pytest.mark.parametrize("is_paused", [True, False])
async def test_nothing_is_read_ahead_while_paused_or_where_nobody_asks_unasked(
    *, is_paused: bool
) -> None:
    desk = Desk.with_document(TWO_PLACES, ["width * height\n", "4 * width\n"], speculate=True)
    await desk.ask(Trigger.AUTOMATIC if is_paused else Trigger.INVOKED)
    if is_paused:
        desk.completer.pause()
    n_before = len(desk.engine.runs)
    desk.offset = len(desk.document.text) - 1

    desk.rest()
    await asyncio.sleep(0.3)

    assert len(desk.engine.runs) == n_before


async def test_an_engine_that_fails_gives_an_empty_answer_and_one_error_status() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    desk.engine.fail_with(EngineUnavailableError("the engine has gone"))

    answer = await desk.ask()

    assert answer.insertions == ()
    assert not answer.is_superseded
    assert [status.message for status in desk.statuses if status.kind is StatusKind.ERROR] == [
        "the engine has gone"
    ] * 2
    assert desk.shown(await desk.ask()) == "width * height"


async def test_a_refused_request_is_told_and_the_next_one_served() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    desk.engine.fail_with(EngineRefusedError("the prompt is too long"))

    assert (await desk.ask()).note == "the prompt is too long"
    assert desk.shown(await desk.ask()) == "width * height"


async def test_while_the_model_loads_the_answer_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codelsp.pipeline.connection.PATIENCE_SECONDS", 0.05)
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    desk.engine.is_loading = True

    answer = await desk.ask()
    desk.engine.is_loading = False
    await until(lambda: desk.statuses[-1].kind is StatusKind.READY)

    assert answer.insertions == ()
    assert not answer.is_superseded
    assert desk.shown(await desk.ask()) == "width * height"


async def test_a_secret_file_is_never_sent_to_the_model() -> None:
    desk = Desk.with_document("TOKEN=<CURSOR>\n", ["abc\n"], uri="file:///project/.env")

    answer = await desk.ask()

    assert answer.insertions == ()
    assert answer.note
    assert desk.engine.tokenized == []


async def test_a_secret_file_is_no_context_for_others() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    from codelsp.document.snapshot import DocumentSnapshot

    desk.store.open(
        DocumentSnapshot.of("file:///project/.env", "dotenv", 1, "width = height = hunter2\n" * 9)
    )
    await desk.ask()

    assert all("hunter2" not in text for text in desk.engine.tokenized)


async def test_a_paused_language_gets_nothing_until_it_is_resumed() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    desk.completer.pause(language="python")

    assert (await desk.ask()).note == "completions are paused"
    desk.completer.resume(language="python")
    assert desk.shown(await desk.ask()) == "width * height"


async def test_a_document_closed_meanwhile_is_answered_superseded() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    gate = desk.engine.hold_at(1)
    task = desk.start()
    await gate.reached.wait()

    desk.store.close(desk.uri)
    desk.completer.document_closed(desk.uri)

    assert (await task).is_superseded
    await until(lambda: desk.engine.n_running == 0)


async def test_an_accepted_insertion_is_told_with_its_language_and_without_its_text() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    answer = await desk.ask()

    desk.completer.accepted(answer.insertions[0].id, 14)
    desk.completer.accepted("unknown", 3)

    assert [(each.outcome, each.language_id, each.length_chars) for each in desk.events] == [
        (Outcome.ACCEPTED, "python", 14)
    ]


async def test_new_settings_forget_what_was_answered_under_the_old_ones() -> None:
    from dataclasses import replace

    from codelsp.settings import Settings

    desk = Desk.with_document(UNFINISHED, ["width * height\n", "height + 2\n"])
    await desk.ask()

    await desk.completer.update_settings(
        replace(Settings(threshold=0.0, speculate=False), max_line_tokens=5)
    )

    assert desk.shown(await desk.ask()) == "height + 2"
    assert desk.engine.requests[-1].max_tokens <= 6


async def test_closing_lets_go_of_the_engine() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n"])
    await desk.ask()

    await desk.completer.close()

    assert desk.engine.is_closed


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize(
    "written", ["return x\n", "\treturn x\n", "  return x\n", "    return x\n"]
)
async def test_on_a_blank_line_the_model_may_indent_as_it_likes(
    written: str, trigger: Trigger
) -> None:
    desk = Desk.with_document("def f(x):\n    <CURSOR>\n", [written])

    answer = await desk.ask(trigger)

    assert desk.accept(answer) == "def f(x):\n    return x\n"


async def test_the_trace_names_the_step_that_hid_a_suggestion() -> None:
    desk = Desk.with_document(UNFINISHED, ["   \n"])

    answer = await desk.ask()

    assert answer.insertions == ()
    candidates = desk.completer.explain_last()["candidates"]
    assert [each["verdicts"][-1]["action"] for each in candidates] == ["dropped"]


async def test_what_is_typed_along_is_explained_by_the_request_that_reached_the_model() -> None:
    desk = Desk.with_document("total = <CURSOR>\nprint(total)\n", ["price * 2\n"], trace=True)
    await desk.ask()
    asked = desk.completer.explain_last()

    desk.type("pri")
    await desk.ask()

    repeated = desk.completer.explain_last()
    assert (asked["source"], repeated["source"]) == ("model", "cache")
    assert repeated["candidates"] == asked["candidates"] != []
    assert repeated["prompt"] == asked["prompt"] != []


async def test_a_generation_that_was_kept_tells_the_prompt_that_it_came_from() -> None:
    unsure_at_first = Answer("price + tax", log_probs=(-3.0, -0.01, -0.01))
    engine = ScriptedEngine([unsure_at_first])
    desk = Desk.with_document("total = <CURSOR>\n", engine, trace=True, threshold=0.5)
    assert not (await desk.ask()).insertions
    prompt = desk.completer.explain_last()["prompt"]

    desk.type("price")

    assert desk.shown(await desk.ask()) == " + tax"
    assert desk.completer.explain_last()["source"] == "kept generation"
    assert desk.completer.explain_last()["prompt"] == prompt != []


async def test_the_same_document_gets_the_same_answer() -> None:
    answers = []
    for _ in range(2):
        desk = Desk.with_document(UNFINISHED, ScriptedEngine(["width * height\n", "a\n", "b\n"]))
        answers.append([each.text for each in (await desk.ask(Trigger.INVOKED)).insertions])

    assert answers[0] == answers[1]


def engine_that_batches(*answers: str) -> ScriptedEngine:
    engine = ScriptedEngine(answers)
    engine.info = replace(engine.info, batches=True)
    engine.delay_ms = 2
    return engine


async def test_an_engine_that_batches_writes_all_candidates_at_once() -> None:
    texts = ["width * height\n", "width + height\n", "width\n"]
    desk = Desk.with_document(UNFINISHED, engine_that_batches(*texts), candidates=3)

    answer = await desk.ask(Trigger.INVOKED)

    assert desk.engine.most_at_once == 3
    assert {each.text for each in answer.insertions} == {text.strip() for text in texts}


async def test_others_write_them_one_after_another() -> None:
    desk = Desk.with_document(UNFINISHED, ["width * height\n", "width\n"], candidates=3)
    desk.engine.delay_ms = 2

    await desk.ask(Trigger.INVOKED)

    assert (len(desk.engine.runs), desk.engine.most_at_once) == (3, 1)


async def test_a_keystroke_ends_all_candidates_that_are_written_at_once() -> None:
    desk = Desk.with_document(UNFINISHED, engine_that_batches("width * height\n"), candidates=3)
    gates = [desk.engine.hold_at(1) for _ in range(3)]
    asked = asyncio.create_task(desk.ask(Trigger.INVOKED))
    for gate in gates:
        await gate.reached.wait()

    desk.type("q")

    await until(lambda: desk.engine.n_running == 0)
    assert all(run.was_cancelled for run in desk.engine.runs)
    assert (await asked).insertions == ()


async def test_where_one_of_them_fails_none_goes_on() -> None:
    desk = Desk.with_document(UNFINISHED, engine_that_batches("width * height\n"), candidates=3)
    desk.engine.hold_at(2)
    desk.engine.fail_with(EngineUnavailableError("It has gone."), after_tokens=1)

    answer = await desk.ask(Trigger.INVOKED)

    assert answer.note == "It has gone."
    assert desk.engine.n_running == 0
    assert sum(run.was_cancelled for run in desk.engine.runs) == 2


async def test_the_prompt_is_told_by_parts_when_tracing_and_not_otherwise() -> None:
    traced = Desk.with_document("total = <CURSOR>\nprint(total)\n", ["price"], trace=True)
    untraced = Desk.with_document("total = <CURSOR>\nprint(total)\n", ["price"])

    await traced.ask()
    await untraced.ask()

    parts = traced.completer.explain_last()["prompt"]
    texts = {part["role"]: part["text"] for part in parts}
    assert "".join(part["text"] for part in parts) == traced.engine.prompts[-1]
    assert texts["suffix"] == "\nprint(total)\n"
    assert "prompt" not in untraced.completer.explain_last()
