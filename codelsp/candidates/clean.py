"""Makes a text worth showing of a generation: small pure steps, in order.

The list is the specification.  Each step returns the candidate as it was, changed, or dropped,
and says why; the verdicts stay with the candidate for the request's trace.
Between ``plain_line_ends`` and ``document_line_ends`` every line ends with a line feed; between
``own_line`` and ``settle`` a candidate on a blank line has the whole line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.candidates import indentation_fit, syntax_check
from codelsp.candidates.cut import cut_to_block, cut_to_line, cut_unfinished
from codelsp.candidates.duplicates import drop_echo, drop_following_lines
from codelsp.candidates.indentation_fit import fit_indentation, own_line, settle
from codelsp.candidates.insecure import flag_insecure
from codelsp.candidates.kinds import extend_selected, stay_in_kind, trim_end
from codelsp.candidates.line_ends import document_line_ends, plain_line_ends
from codelsp.candidates.repetition import cut_repetition
from codelsp.candidates.residue import strip_residue
from codelsp.candidates.suffix_fit import cut_stray_closer, fit_suffix
from codelsp.candidates.surroundings import solid_above, solid_below
from codelsp.candidates.syntax_check import check_syntax
from codelsp.candidates.value import drop_secrets, drop_worthless
from codelsp.context.once import once

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

    Step = Callable[[Candidate, CompletionContext], Candidate]

STEPS: tuple[Step, ...] = (
    strip_residue,
    plain_line_ends,
    own_line,
    cut_to_line,
    fit_indentation,
    cut_to_block,
    cut_repetition,
    cut_stray_closer,
    cut_unfinished,
    stay_in_kind,
    drop_echo,
    drop_following_lines,
    fit_suffix,
    trim_end,
    check_syntax,
    settle,
    extend_selected,
    drop_worthless,
    drop_secrets,
    flag_insecure,
    document_line_ends,
)
"""What is done with every candidate, in this order."""


def prepare(context: CompletionContext) -> None:
    """Find out now what the steps will ask about the context, whatever the candidate is."""
    indentation_fit.prepare(context)
    _ = solid_above(context), solid_below(context)
    syntax_check.prepare(context)


def clean(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Return ``candidate`` after every step, or as the step left it that dropped it.

    A text is cleaned once in a context: how likely its tokens are is nothing to the steps.
    """
    # Numbers stand for the log-probabilities, and tell which are left where a step cuts the text.
    numbers = tuple(map(float, range(len(candidate.log_probs))))
    unweighed = replace(candidate, log_probs=numbers, sureness=())
    known = _cleaned_in(context)
    if unweighed not in known:
        known[unweighed] = _cleaned(unweighed, context)
    found = known[unweighed]
    left = tuple(candidate.log_probs[int(number)] for number in found.log_probs)
    return replace(found, log_probs=left, sureness=candidate.sureness)


@once
def _cleaned_in(_context: CompletionContext) -> dict[Candidate, Candidate]:
    """Return what is known already of the texts of this context."""
    return {}


def _cleaned(candidate: Candidate, context: CompletionContext) -> Candidate:
    for step in STEPS:
        candidate = step(candidate, context)
        if candidate.is_dropped:
            break
    return candidate
