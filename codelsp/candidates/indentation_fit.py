"""Indentation: a candidate arrives with its own, and leaves with the document's.

On a whitespace-only line the prompt ends before the whitespace, and the model writes its own.
``own_line`` lets the candidate take the whole line, ``fit_indentation`` makes every line's
indentation the document's, and ``settle`` gives the whitespace back that was already right.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING

from codelsp.candidates.brackets import lexis_of, scan
from codelsp.candidates.surroundings import (
    before_on_line,
    indentation,
    is_blank_line,
    language,
    line_end,
    line_start,
    lines_above,
    solid_above,
    solid_below,
    width,
)
from codelsp.context.once import once
from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_STEP = "fit_indentation"
_USUAL_UNITS = (2, 3, 4, 8)
_OPENERS = {"indentation": (), "braces": ("{",)}
_MAY_OPEN = (":", "{", "(", "[", "->", "=>", "=", ",", "\\", "&&", "||", "+", ".")
_MAY_CONTINUE = ("{", "(", "[", "=", ",", "\\", "&&", "||", "|", "+", ".")
_NEVER_OUTSIDE = re.compile(r"(?:return|yield|break|continue|raise)\b")
_MAY_STAND_BESIDE_OPENER = re.compile(r"(?:case\b|default\b|[\w ]+:(?!:)|#)")
"""In braces: the cases of a switch, labels, and the preprocessor's lines."""
_ENDS_BLOCK = re.compile(r"(?:else|elif|except|finally)\b")
_BEGINS_OTHER = re.compile(r"(?:def|class|async\s+def)\b|@")


def own_line(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Let the candidate stand for its whole line where that line is blank."""
    if not is_blank_line(context) or candidate.start != context.offset:
        return candidate
    head = "" if context.dropped_indentation else context.line_prefix
    text = head + candidate.text
    if not context.multiline:
        text = text[len(text) - len(_without_blank_lines(text)) :]
    return replace(candidate, text=text, start=line_start(context), end=line_end(context))


def settle(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Begin at the cursor again where the user's own whitespace is what the text begins with."""
    if candidate.start == context.offset or candidate.start != line_start(context):
        return candidate
    before = context.line_prefix
    if not candidate.text.startswith(before):
        return candidate.changed("settle", "the line's whitespace is replaced")
    return replace(candidate, text=candidate.text[len(before) :], start=context.offset)


def fit_indentation(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Write the indentation of every whole line as the document does around the cursor.

    A tab counts as one level, alignment beyond whole levels stays, and a first line at a depth
    that does not exist moves, with all that follows, to the one that was meant.
    """
    if context.text_kind is TextKind.STRING or not candidate.text.strip():
        return candidate
    owns = is_blank_line(context) and not before_on_line(candidate, context)
    lines = candidate.text.split("\n")
    first = 0 if owns else 1
    if not any(line.strip() for line in lines[first:]):
        return candidate
    place = _place_of(context) if owns == is_blank_line(context) else _Place.of(context, owns=owns)
    if owns and place.is_left_empty(lines):
        return candidate.dropped(_STEP, "it would leave the block above empty")
    fitted = lines[:first] + place.fitted(lines[first:], before=lines[0] if first else "")
    text = "\n".join(fitted)
    if text == candidate.text:
        return candidate
    return candidate.changed(_STEP, "the document is indented otherwise", text=text)


def prepare(context: CompletionContext) -> None:
    """Look now at what ``fit_indentation`` will look at, whatever the candidate is."""
    _ = context.indentation
    if is_blank_line(context) or context.multiline:
        place = _place_of(context)
        _ = place.steps_above, place.depths_above, place.is_inside_brackets


class _Place:
    """How a document is indented where a candidate is to stand."""

    def __init__(self, context: CompletionContext, reference: str, *, owns: bool) -> None:
        """Take ``reference``, the line that the candidate continues or follows."""
        self.context = context
        self.reference = reference
        self.owns = owns
        spoken = language(context)
        self.style = spoken.style
        # YAML, and others that live by indentation, have depths of their own kinds.
        self.openers = (":",) if spoken.id == "python" else _OPENERS.get(spoken.style, ())
        self.comment = spoken.line_comment
        self.tab_size = max(context.indentation.tab_size, 1)
        unit = context.indentation.unit
        local = indentation(reference)
        self.uses_tabs = "\t" in local if local else "\t" in unit
        self.unit_width = self.tab_size if "\t" in unit else max(len(unit), 1)
        self.reference_width = self.columns(local)

    @classmethod
    def of(cls, context: CompletionContext, *, owns: bool) -> _Place:
        """Return the place of the cursor."""
        if not owns:
            return cls(context, context.line_prefix, owns=False)
        # A comment may stand at any depth.
        mark = language(context).line_comment or "\n"
        above = solid_above(context)
        reference = next((line for line in above if not line.lstrip().startswith(mark)), "")
        return cls(context, reference, owns=True)

    def columns(self, whitespace: str) -> int:
        """Return the width of ``whitespace`` in this document."""
        return width(whitespace, self.tab_size)

    def fitted(self, lines: list[str], *, before: str) -> list[str]:
        """Return ``lines`` with their indentation fitted; ``before`` ends the line above them."""
        lines = self._in_characters(lines)
        lines = self._in_units(lines, self.reference + before)
        if not self.owns or self.context.text_kind is not TextKind.CODE:
            return lines
        return self._at_real_depth(lines)

    def is_left_empty(self, lines: list[str]) -> bool:
        """Whether ``lines`` go on beside the line above, a header in Python, that needs a body."""
        first = next((line for line in lines if line.strip()), "")
        if self.style != "indentation" or not self._opens(self.reference):
            return False
        if self.columns(indentation(first)) > self.reference_width or self.is_inside_brackets:
            return False
        said = first.lstrip()
        # What stands at the margin after the header of a class is more likely a method of it.
        is_other = _BEGINS_OTHER.match(said) and not self.reference.lstrip().startswith("class")
        return self.context.text_kind is TextKind.CODE and bool(_ENDS_BLOCK.match(said) or is_other)

    def whitespace(self, columns: int) -> str:
        """Return whitespace of ``columns``, as lines above write it where there are any."""
        if not self.uses_tabs:
            return " " * columns
        return "\t" * (columns // self.tab_size) + " " * (columns % self.tab_size)

    # Tabs and spaces.

    def _in_characters(self, lines: list[str]) -> list[str]:
        spaces = [indentation(line) for line in lines if line.strip()]
        if self.uses_tabs:
            size = self._spaces_of_level([len(each) for each in spaces if "\t" not in each])
            return [self._with_tabs(line, size) for line in lines]
        if any("\t" in each for each in spaces):
            return [self._with_spaces(line) for line in lines]
        return lines

    def _with_spaces(self, line: str) -> str:
        head = indentation(line)
        return head.replace("\t", " " * self.unit_width) + line[len(head) :]

    def _with_tabs(self, line: str, size: int) -> str:
        head = indentation(line)
        body = line[len(head) :]
        if not body.strip():
            return line
        if "\t" not in head:
            return "\t" * (len(head) // size) + " " * (len(head) % size) + body
        if " \t" in head:
            return self.whitespace(self.columns(head)) + body
        return line

    def _spaces_of_level(self, widths: list[int]) -> int:
        """Return how many spaces the candidate writes for what is a tab here."""
        deep = [each for each in widths if each > 1]
        if not deep:
            return self.tab_size
        level = self.reference_width // self.tab_size
        opens = self._opens(self.reference)
        expected = level + 1 if opens else level
        if self.owns and expected > 0 and deep[0] % expected == 0:
            size = deep[0] // expected
            if size in _USUAL_UNITS:
                return size
        common = gcd(*deep)
        return common if common in _USUAL_UNITS else self.tab_size

    # The width of a level.

    def _in_units(self, lines: list[str], above: str) -> list[str]:
        if self.uses_tabs:
            return lines
        steps = set(self._steps([above, *lines]))
        if len(steps) != 1:
            return lines
        found, wanted = steps.pop(), self._local_unit()
        if found == wanted or found not in _USUAL_UNITS or found in self.steps_above:
            return lines
        base = self.reference_width
        return [self._scaled(line, base, found, wanted) for line in lines]

    def _scaled(self, line: str, base: int, found: int, wanted: int) -> str:
        head = indentation(line)
        extra = len(head) - base
        if extra <= 0 or not line.strip():
            return line
        levels, remainder = divmod(extra, found)
        return self.whitespace(base + levels * wanted + remainder) + line[len(head) :]

    def _steps(self, lines: list[str]) -> list[int]:
        """Return how much deeper the lines are that follow the opening of a block."""
        solid = [line for line in lines if line.strip()]
        pairs = pairwise(solid)
        steps = (
            self.columns(indentation(below)) - self.columns(indentation(above))
            for above, below in pairs
            if self._opens(above)
        )
        return [step for step in steps if step > 0]

    def _local_unit(self) -> int:
        """Return the width of a level as the nearest block above shows it, or the user does."""
        steps = self.steps_above
        if not steps or self.unit_width in steps or steps[-1] not in _USUAL_UNITS:
            return self.unit_width
        return steps[-1]

    @cached_property
    def steps_above(self) -> list[int]:
        """How much deeper the lines above are that follow the opening of a block; from the top."""
        above = [line for line in lines_above(self.context)[:60] if line.strip()][::-1]
        if self.owns and self.context.line_prefix:
            above.append(self.context.line_prefix + ".")
        return self._steps(above)

    def _opens(self, line: str) -> bool:
        code = line
        if self.comment and self.comment in line:
            code = re.split(rf"(?<!\S){re.escape(self.comment)}", line)[0]
        return bool(self.openers) and code.rstrip().endswith(self.openers)

    # The depth of the first line.

    def _at_real_depth(self, lines: list[str]) -> list[str]:
        """Return ``lines`` moved so that the first is at a depth that exists there."""
        first = next(number for number, line in enumerate(lines) if line.strip())
        if lines[first].lstrip()[0] in ")]}":
            return lines
        found = self.columns(indentation(lines[first]))
        users = self.columns(self.context.line_prefix)
        if self._has_lost_indentation(found, [line for line in lines if line.strip()]):
            moved = self._shifted(lines[first], users)
            return [*lines[:first], moved, *lines[first + 1 :]]
        wanted = self._depth(found, users, lines[first].lstrip())
        if wanted is None or wanted == found:
            return lines
        return [self._shifted(line, wanted - found) for line in lines]

    def _depth(self, found: int, users: int, said: str) -> int | None:
        """Return the depth that was meant by ``found``, or None if it is one.

        Args:
            found: Columns before the first line's text.
            users: Columns before the cursor.
            said: The first line's text.
        """
        if not self.reference.strip():
            return None
        if not self.openers:
            return self._depth_without_openers(found, users)
        if self.is_inside_brackets:
            return None
        base = self.reference_width
        if self._opens(self.reference):
            return self._body_depth(found, users) if self._is_in_body(found, users, said) else None
        depths = self.depths_above
        is_aligned = self.reference.rstrip().endswith(_MAY_OPEN)
        if is_aligned or found in depths or (self.style != "indentation" and found > base):
            return None
        return users if users in depths else min(depths, key=lambda each: abs(each - found))

    def _is_in_body(self, found: int, users: int, said: str) -> bool:
        """Whether what is found below an opened block is part of it."""
        if found > self.reference_width or self.style == "indentation":
            return True
        # Some indent no namespaces; whose cursor is deeper does.
        is_deeper = users > self.reference_width
        return is_deeper and not _MAY_STAND_BESIDE_OPENER.match(said)

    def _depth_without_openers(self, found: int, users: int) -> int | None:
        """Do as ``_depth`` where no mark at a line's end says that a block is opened."""
        if self.style not in {"keywords", "indentation"}:
            return None
        if self.reference.rstrip().endswith(_MAY_CONTINUE):
            return None
        unit = self.tab_size if self.uses_tabs else self._local_unit()
        depths = [*self.depths_above, self.reference_width + unit, users]
        if found in depths:
            return None
        return users if users > 0 else min(depths, key=lambda each: abs(each - found))

    def _body_depth(self, found: int, users: int) -> int:
        """Return the depth of the body that the line above opens; ``found`` if it may be one."""
        below = next(iter(solid_below(self.context)), "")
        unit = self.tab_size if self.uses_tabs else self._local_unit()
        depths = [users, self.columns(indentation(below)), self.reference_width + unit]
        real = [depth for depth in depths if depth > self.reference_width]
        return found if found in real else real[0]

    @cached_property
    def depths_above(self) -> list[int]:
        """The columns of the blocks that the line above stands in, innermost first."""
        depths = [self.reference_width]
        for line in lines_above(self.context):
            if line.strip() and (columns := self.columns(indentation(line))) < depths[-1]:
                depths.append(columns)
        return depths if depths[-1] == 0 else [*depths, 0]

    def _has_lost_indentation(self, found: int, solid: list[str]) -> bool:
        """Whether an engine has trimmed the first line: it is at the margin, and cannot be."""
        if found > 0 or self.reference_width == 0:
            return False
        if len(solid) > 1 and not self._opens(solid[0]) and solid[0].rstrip()[-1:] not in "([{,":
            return self.columns(indentation(solid[1])) > 0
        return _NEVER_OUTSIDE.match(solid[0]) is not None and self.style == "indentation"

    @cached_property
    def is_inside_brackets(self) -> bool:
        """Whether a bracket of the lines above is still open."""
        lexis = lexis_of(language(self.context))
        if lexis is None:
            return True
        above = "\n".join(lines_above(self.context)[:40][::-1])
        return any(opener in "([" for opener, _ in scan(above, lexis).openers)

    def _shifted(self, line: str, shift: int) -> str:
        if not line.strip():
            return line
        head = indentation(line)
        return self.whitespace(max(self.columns(head) + shift, 0)) + line[len(head) :]


@once
def _place_of(context: CompletionContext) -> _Place:
    """Return the place of a candidate that owns the line where it is blank."""
    return _Place.of(context, owns=is_blank_line(context))


def _without_blank_lines(text: str) -> str:
    """Return ``text`` without the blank lines it begins with."""
    while text.strip() and not text.partition("\n")[0].strip():
        text = text.partition("\n")[2]
    return text
