from __future__ import annotations

import pytest

from codelsp.evaluation.latency import large_transcript
from codelsp.evaluation.transcript import Transcript, standard_library_text, typed_functions

SOURCE = '''"""Module."""


def first(a):
    """Say what."""
    b = a + 1
    if b:
        return a

    return b


class Thing:
    def second(self):
        for x in self:
            if x:
                yield x
        return None

    def short(self):
        return 1
'''


def _final(transcript: Transcript) -> str:
    return [text for _, text in transcript.states()][-1]


def test_typing_all_keys_gives_the_file_back() -> None:
    transcript = typed_functions("a.py", SOURCE, 5)

    assert "yield" not in transcript.text
    assert "b = a + 1" not in transcript.text
    assert _final(transcript) == SOURCE


@pytest.mark.parametrize("name", ["json/decoder.py", "argparse.py", "statistics.py"])
def test_a_real_file_comes_back_as_well(name: str) -> None:
    source = standard_library_text(name)
    transcript = typed_functions(name, source, 6)

    assert len(transcript.keys) > 300
    assert _final(transcript) == source


def test_an_editor_indents_by_itself_and_a_person_types_the_rest() -> None:
    keys = typed_functions("a.py", SOURCE, 1).keys

    assert keys[0].text == "\n    "
    assert "".join(key.text for key in keys[1:10]) == "b = a + 1"
    assert keys[10].text == "\n    "


def test_the_first_key_of_each_function_is_a_jump() -> None:
    keys = typed_functions("a.py", SOURCE, 5).keys

    assert [key.text for key in keys if key.is_jump] == ["\n        ", "\n    "]


def test_a_signature_and_docstring_are_there_before_the_body() -> None:
    text = typed_functions("a.py", SOURCE, 5).text

    assert 'def first(a):\n    """Say what."""\n' in text
    assert "def short(self):\n        return 1" in text


def test_the_same_source_gives_the_same_transcript() -> None:
    assert typed_functions("a.py", SOURCE, 2) == typed_functions("a.py", SOURCE, 2)


def test_a_file_without_functions_has_no_keys() -> None:
    assert typed_functions("a.py", "a = 1\n", 3).keys == ()


def test_fewer_keys_leave_the_file_unfinished() -> None:
    transcript = typed_functions("a.py", SOURCE, 5).first(4)

    assert len(transcript.keys) == 4
    assert _final(transcript) != SOURCE


SCRIPT = """/** Says what. */
export function first(list: number[], add: (a: number) => number): number[] {
  // One for each.
  const found = [];
  for (const each of list) {
    found.push(add(each));
  }
  return found;
}

export const second = async (
  url: string,
): Promise<string> => {
  const answer = await fetch(url, {
    method: "POST",
  });
  if (!answer.ok) {
    throw new Error(answer.statusText);
  }

  return answer.text();
};

class Thing {
  third() { return 1; }

  fourth() {
    return 1;
  }
}
"""


def test_functions_between_braces_are_typed_and_their_braces_stand_there() -> None:
    transcript = typed_functions("a.ts", SCRIPT, 5)

    assert "): number[] {\n}" in transcript.text
    assert "): Promise<string> => {\n};" in transcript.text
    assert "third() { return 1; }" in transcript.text
    assert "    return 1;\n  }" in transcript.text
    assert [key.text for key in transcript.keys if key.is_jump] == ["\n  ", "\n  "]
    assert _final(transcript) == SCRIPT


def test_of_a_long_body_whole_statements_are_typed() -> None:
    lines = "".join(f"    if (x > {n}) {{\n        x -= {n};\n    }}\n" for n in range(9))
    source = f"int f(int x) {{\n{lines}    return x;\n}}\n"
    transcript = typed_functions("a.c", source, 1)

    typed = "".join(key.text for key in transcript.keys)
    assert typed == source[14 : source.index("    if (x > 3)") - 1]
    assert _final(transcript) == source


BODIES = {
    "a.java": "class A {\n  int f(int x) {\n    int y = x;\n    y += 1;\n\n    return y;\n  }\n}\n",
    "a.go": "package a\n\nfunc f(x int) int {\n\ty := x\n\ty += 1\n\n\treturn y\n}\n",
    "a.rs": "fn f(x: i32) -> i32 {\n    let mut y = x;\n    y += 1;\n    y *= 2;\n    y\n}\n",
    "a.cs": "class A {\n  int F(int x)\n  {\n    int y = x;\n    y++;\n\n    return y;\n  }\n}\n",
    "a.cpp": "int A::f(int x) {\n    int y = x;\n    y += 1;\n    y *= 2;\n    return y;\n}\n",
    "a.rb": "def f(x)\n  y = x\n  y += 1\n  y *= 2\n  y\nend\n",
    "a.php": "<?php\nfunction f($x) {\n  $y = $x;\n  $y += 1;\n  $y *= 2;\n  return $y;\n}\n",
    "a.lua": "function f(x)\n  local y = x\n  y = y + 1\n  y = y * 2\n  return y\nend\n",
    "a.sh": "f() {\n  local y=$1\n  y=a$y\n  y=b$y\n  echo $y\n}\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_functions_are_typed_in_this_language(name: str) -> None:
    transcript = typed_functions(name, BODIES[name], 1)

    typed = "".join(key.text for key in transcript.keys)
    assert typed.count("\n") == 4
    assert "y" in typed
    assert typed not in transcript.text
    assert _final(transcript) == BODIES[name]


def test_a_language_whose_functions_nobody_knows_has_no_keys() -> None:
    assert typed_functions("a.json", '{\n  "a": [\n    1\n  ]\n}\n', 3).keys == ()


def test_the_bench_types_into_a_file_of_just_ten_thousand_lines() -> None:
    transcript = large_transcript()

    assert transcript.text.count("\n") == 10_000
    assert transcript.text[: transcript.keys[0].offset].count("\n") > 4_000
