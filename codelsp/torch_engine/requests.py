"""From the fields of a request to ``GenerationPlan``s, in either dialect."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from codelsp.prompt.healing import healed_end
from codelsp.torch_engine.fields import Fields, RequestError
from codelsp.torch_engine.generation import GenerationPlan
from codelsp.torch_engine.infill import InfillTexts, infill_prompt
from codelsp.torch_engine.sampling import FILTERS, Sampling
from codelsp.torch_engine.stop_rules import BlockStop, LineStop, Several, StatementStop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codelsp.torch_engine.stop_rules import StopRule
    from codelsp.torch_engine.vocabulary import Vocabulary

MOST_CANDIDATES = 32
_MOST_TOKENS = 1 << 30
_MOST_TOP = 100
_RANDOM_SEEDS = (-1, 0xFFFF_FFFF)
_PREFIX_GRAMMAR = re.compile(r'root ::= "((?:[^"\\]|\\.)*)" \[\^\\x00\]\*\s*\Z')
_GBNF_ESCAPE = re.compile(
    r"\\(?:U([0-9A-Fa-f]{8})|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL
)
_GBNF_NAMES = {"n": "\n", "r": "\r", "t": "\t"}
_RULES: Mapping[str, Callable[[], StopRule]] = {"line": LineStop, "statement": StatementStop}
_WITHOUT_EFFECT = ("t_max_prompt_ms", "n_discard", "min_keep", "samplers_backend", "id_task")
"""Fields of llama.cpp's clients that ask for nothing this engine does differently."""


@dataclass(frozen=True)
class ModelFacts:
    """What requests are checked against."""

    name: str
    context_tokens: int
    vocabulary: Vocabulary
    n_rows: int
    """Rows of the model's vocabulary: every id must be below."""
    adapters: tuple[str, ...] = ()
    default_adapter: str = ""


@dataclass(frozen=True)
class Asked:
    """A request, understood."""

    plans: tuple[GenerationPlan, ...]
    """One for each prompt."""
    session: str
    """Requests of one session take turns, the newest first."""
    streams: bool = False
    warnings: tuple[str, ...] = ()
    n_probs: int = 0
    response_fields: tuple[str, ...] | None = None
    tells_progress: bool = False
    tells_timings: bool = False
    tells_tokens: bool = False
    includes_usage: bool = False
    echoes: bool = False
    wants_log_probs: bool = False
    model: str = ""
    prompt_texts: tuple[str, ...] = field(default=(), repr=False)


def completion(body: Mapping[str, Any], facts: ModelFacts) -> Asked:
    """Understand a body of llama.cpp's ``/completion``.

    Raises:
        RequestError: it cannot be served.
    """
    fields = Fields(body)
    prompt = fields.any("prompt")
    if prompt is None:
        raise RequestError("`prompt` is missing: a text, a list of token ids, or both in one list.")
    if isinstance(prompt, list) and len(prompt) > 1 and all(isinstance(p, str) for p in prompt):
        raise RequestError(
            "Several texts are several prompts: ask for them one at a time, or all at"
            " /v1/completions."
        )
    return _llama(fields, facts, _prompt(prompt, facts), healable=_healable(prompt))


def infill(body: Mapping[str, Any], facts: ModelFacts) -> Asked:
    """Understand a body of llama.cpp's ``/infill``.

    Raises:
        RequestError: it cannot be served; the model may have no tokens for infilling.
    """
    fields = Fields(body)
    texts = InfillTexts(
        fields.text("input_prefix") + fields.text("prompt"),
        fields.text("input_suffix"),
        _extra(fields.any("input_extra", [])),
    )
    n_predict = fields.whole("n_predict", -1, least=-1, most=_MOST_TOKENS)
    prompt = infill_prompt(texts, facts.vocabulary, _prompt_room(n_predict, facts))
    return _llama(fields, facts, prompt)


def openai_completion(body: Mapping[str, Any], facts: ModelFacts) -> Asked:
    """Understand a body of OpenAI's ``/v1/completions``.

    Raises:
        RequestError: it cannot be served.
    """
    fields = Fields(body)
    max_tokens = fields.whole("max_tokens", 16, least=0, most=_MOST_TOKENS)
    prompts = _openai_prompts(fields, facts, max_tokens)
    log_probs = fields.any("logprobs")
    n_top = fields.whole("logprobs", 0, least=0, most=_MOST_TOP) if log_probs is not True else 1
    options = fields.any("stream_options", {})
    if not isinstance(options, dict):
        raise RequestError("`stream_options` must be an object.")
    sampling = _sampling(fields, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, facts=facts)
    plan = _plan(fields, facts, sampling, prompts[0])
    plan = replace(
        plan,
        max_tokens=max_tokens,
        n_candidates=fields.whole("n", 1, least=1, most=MOST_CANDIDATES),
        n_top=n_top,
    )
    streams, echoes = fields.flag("stream", default=False), fields.flag("echo", default=False)
    fields.ignore(("user", "stream_options"))
    plan, prompts = _healed(fields, plan, prompts, _healable(body.get("prompt")), facts)
    plans = tuple(replace(plan, prompt=_checked(prompt, facts)) for prompt in prompts)
    return Asked(
        plans,
        _session(fields, plans[0]),
        streams=streams,
        warnings=_warnings(fields),
        n_probs=n_top,
        includes_usage=bool(options.get("include_usage")),
        echoes=echoes,
        wants_log_probs=log_probs is not None and log_probs is not False,
        model=plan.adapter or facts.name,
        prompt_texts=tuple(map(facts.vocabulary.decoded, prompts)) if echoes else (),
    )


def _llama(
    fields: Fields, facts: ModelFacts, prompt: tuple[int, ...], healable: str | None = None
) -> Asked:
    sampling = _sampling(fields, temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, facts=facts)
    n_probs = fields.whole("n_probs", 0, least=0, most=_MOST_TOP)
    plan = _plan(fields, facts, sampling, prompt)
    n_candidates = fields.any("n_cmpl", fields.any("n", 1))
    plan = replace(
        plan,
        max_tokens=fields.whole("n_predict", -1, least=-1, most=_MOST_TOKENS),
        n_candidates=Fields({"n": n_candidates}).whole("n", 1, least=1, most=MOST_CANDIDATES),
        n_top=n_probs,
    )
    plan, (prompt,) = _healed(fields, plan, (prompt,), healable, facts)
    plan = replace(plan, prompt=_checked(prompt, facts))
    wanted = fields.any("response_fields")
    return Asked(
        (plan,),
        _session(fields, plan),
        streams=fields.flag("stream", default=False),
        n_probs=n_probs,
        response_fields=None if wanted is None else _paths(wanted),
        tells_progress=fields.flag("return_progress", default=False),
        tells_timings=fields.flag("timings_per_token", default=False),
        tells_tokens=fields.flag("return_tokens", default=False),
        model=plan.adapter or facts.name,
        warnings=_warnings(fields),
    )


def _plan(
    fields: Fields, facts: ModelFacts, sampling: Sampling, prompt: tuple[int, ...]
) -> GenerationPlan:
    """Return what both dialects have in common."""
    ends = facts.vocabulary.end_ids | frozenset(fields.wholes("stop_token_ids"))
    if fields.flag("ignore_eos", default=False):
        ends = frozenset(fields.wholes("stop_token_ids"))
    slot = fields.whole("id_slot", -1, least=-1, most=_MOST_TOKENS)
    n_keep = fields.whole("n_keep", 0, least=-1, most=_MOST_TOKENS)
    fields.ignore(_WITHOUT_EFFECT)
    return GenerationPlan(
        prompt,
        max_tokens=0,
        sampling=sampling,
        end_ids=ends,
        stop_texts=fields.texts("stop"),
        stop_rule=_stop_rule(fields),
        forced=_forced(fields),
        reuses_sessions=fields.flag("cache_prompt", default=True),
        slot=slot if slot >= 0 else None,
        n_keep=len(prompt) if n_keep < 0 else n_keep,
        most_predict_ms=fields.number("t_max_predict_ms", 0, least=-1, most=1e9),
        adapter=_adapter(fields.text("model"), facts),
        uses_drafts=fields.flag("drafts", default=True),
    )


def _sampling(  # noqa: PLR0913  # the defaults, which differ between the dialects
    fields: Fields,
    *,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    facts: ModelFacts,
) -> Sampling:
    seed = fields.whole("seed", -1, least=-(1 << 63), most=1 << 63)
    order = fields.any("samplers")
    chosen: tuple[str, ...] = ("top_k", "top_p", "min_p", "temperature")
    if order is not None:
        chosen = tuple(each for each in fields.texts("samplers") if each in FILTERS)
    return Sampling(
        temperature=fields.number("temperature", temperature, least=0, most=100),
        top_k=max(fields.whole("top_k", top_k, least=-1, most=_MOST_TOKENS), 0),
        top_p=fields.number("top_p", top_p, least=0, most=1),
        min_p=fields.number("min_p", min_p, least=0, most=1),
        seed=secrets.randbits(32) if seed in _RANDOM_SEEDS else seed,
        order=chosen,
        repeat_penalty=fields.number("repeat_penalty", 1.0, least=0.01, most=100),
        presence_penalty=fields.number("presence_penalty", 0.0, least=-100, most=100),
        frequency_penalty=fields.number("frequency_penalty", 0.0, least=-100, most=100),
        penalized_tokens=fields.whole("repeat_last_n", 64, least=-1, most=_MOST_TOKENS),
        logit_bias=_logit_bias(fields.any("logit_bias", {}), facts),
    )


def _logit_bias(value: Any, facts: ModelFacts) -> Mapping[int, float]:
    pairs = value.items() if isinstance(value, dict) else value
    try:
        biases = {int(token): -1e9 if bias is False else float(bias) for token, bias in pairs}
    except (TypeError, ValueError):
        raise RequestError("`logit_bias` must map token ids to numbers.") from None
    _refuse_unknown(biases, facts, "logit_bias")
    return biases


def _stop_rule(fields: Fields) -> Callable[[], StopRule] | None:
    name = fields.text("stop_rule")
    n_indent = fields.whole("n_indent", 0, least=0, most=1000)
    makers: list[Callable[[], StopRule]] = []
    if name in _RULES:
        makers.append(_RULES[name])
    elif name not in {"", "block"}:
        raise RequestError(f"`stop_rule` must be line, statement or block, not {name!r}.")
    if n_indent:
        makers.append(partial(BlockStop, n_indent))
    elif name == "block":
        raise RequestError("`stop_rule` block needs `n_indent`: the columns of the block's lines.")
    if not makers:
        return None
    return lambda: Several([make() for make in makers])


def _forced(fields: Fields) -> bytes:
    """Return what the text must begin with; grammars are understood as far as they say that."""
    forced = fields.text("forced_prefix")
    grammar = fields.text("grammar")
    if grammar:
        match = _PREFIX_GRAMMAR.match(grammar.strip())
        if match is None:
            raise RequestError(
                "This engine knows one kind of `grammar`: a text to begin with,"
                ' root ::= "TEXT" [^\\x00]*; use llama.cpp for others.'
            )
        forced = _GBNF_ESCAPE.sub(_unescaped, match[1])
    if fields.any("json_schema"):
        raise RequestError("This engine has no `json_schema`; use llama.cpp.")
    return forced.encode("utf-8", "replace")


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code is not None:
        return chr(min(int(code, 16), 0x10FFFF))
    return _GBNF_NAMES.get(match[4], match[4])


def _healed(
    fields: Fields,
    plan: GenerationPlan,
    prompts: tuple[tuple[int, ...], ...],
    text: str | None,
    facts: ModelFacts,
) -> tuple[GenerationPlan, tuple[tuple[int, ...], ...]]:
    """Take the last, perhaps incomplete token out of a text prompt, and have it written again."""
    if not fields.flag("token_healing", default=False) or plan.forced:
        return plan, prompts
    end = healed_end(text) if text is not None else ""
    if text is None or not end:
        return plan, prompts
    shorter = _prompt(text[: -len(end)], facts)
    return replace(plan, forced=end.encode("utf-8", "replace")), (shorter,)


def _healable(prompt: object) -> str | None:
    return prompt if isinstance(prompt, str) else None


def _openai_prompts(
    fields: Fields, facts: ModelFacts, max_tokens: int
) -> tuple[tuple[int, ...], ...]:
    prompt, suffix = fields.any("prompt", ""), fields.any("suffix")
    if suffix is not None:
        if not isinstance(prompt, str) or not isinstance(suffix, str):
            raise RequestError("`suffix` goes with a `prompt` that is a text.")
        texts = InfillTexts(prompt, suffix, ())
        return (infill_prompt(texts, facts.vocabulary, _prompt_room(max_tokens, facts)),)
    is_several = isinstance(prompt, list) and prompt and not isinstance(prompt[0], int)
    if not is_several:
        return (_prompt(prompt, facts),)
    if len(prompt) > MOST_CANDIDATES:
        raise RequestError(f"`prompt` has {len(prompt)} prompts; {MOST_CANDIDATES} are allowed.")
    return tuple(_prompt(each, facts) for each in prompt)


def _prompt(value: Any, facts: ModelFacts) -> tuple[int, ...]:
    """Return the ids of a prompt: a text, ids, or both mixed in one list."""
    vocabulary = facts.vocabulary
    if isinstance(value, str):
        return tuple(vocabulary.encoded(value, reads_special=True, adds_special=True))
    if not isinstance(value, list):
        raise RequestError("`prompt` must be a text, a list of token ids, or both in one list.")
    ids: list[int] = []
    for part in value:
        if type(part) is int:
            ids.append(part)
        elif isinstance(part, str):
            ids.extend(vocabulary.encoded(part, reads_special=True, adds_special=not ids))
        else:
            raise RequestError("`prompt` must be a text, a list of token ids, or both in one list.")
    _refuse_unknown(ids, facts, "prompt")
    return tuple(ids)


def _refuse_unknown(ids: Any, facts: ModelFacts, name: str) -> None:
    wrong = [each for each in ids if not 0 <= each < facts.n_rows]
    if wrong:
        raise RequestError(
            f"`{name}` has token ids that the model does not know, {wrong[0]} the first;"
            f" they go from 0 to {facts.n_rows - 1}."
        )


def _checked(prompt: tuple[int, ...], facts: ModelFacts) -> tuple[int, ...]:
    """Return a prompt that can be read.

    Raises:
        RequestError: it is longer than the context.
    """
    if len(prompt) >= facts.context_tokens:
        raise RequestError(
            f"The prompt has {len(prompt)} tokens, but the context is {facts.context_tokens},"
            " and something is to be written, too; send less, or start the engine with a larger"
            " `context_tokens`.",
            kind="exceed_context_size_error",
            n_prompt_tokens=len(prompt),
            n_ctx=facts.context_tokens,
        )
    if prompt:
        return prompt
    # A model has to read something; what its texts begin with says least.
    start = facts.vocabulary.bos_id
    return (min(facts.vocabulary.end_ids, default=0) if start is None else start,)


def _prompt_room(n_predict: int, facts: ModelFacts) -> int:
    """Return how many tokens a prompt may have that we make ourselves."""
    written = min(n_predict if n_predict >= 0 else 128, facts.context_tokens // 2)
    return facts.context_tokens - written - 1


def _extra(value: Any) -> tuple[tuple[str, str], ...]:
    """Return the excerpts of other files, as path and text."""
    if not isinstance(value, list):
        raise RequestError("`input_extra` must be a list.")
    excerpts = []
    for each in value:
        text = each.get("text") if isinstance(each, dict) else None
        name = each.get("filename", "tmp") if isinstance(each, dict) else None
        if not isinstance(text, str) or not isinstance(name, str):
            raise RequestError("`input_extra` must hold objects with `filename` and `text`.")
        excerpts.append((name, text))
    return tuple(excerpts)


def _adapter(model: str, facts: ModelFacts) -> str:
    if not model:
        return facts.default_adapter
    if model in facts.adapters:
        return model
    # Clients of one model send whatever they have in their settings.
    return "" if model == facts.name else facts.default_adapter


def _paths(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise RequestError("`response_fields` must be a list of texts.")
    return tuple(value)


def _session(fields: Fields, plan: GenerationPlan) -> str:
    """Return what tells sessions apart: the slot, the user, or how the prompt begins."""
    if plan.slot is not None:
        return f"slot {plan.slot}"
    user = fields.any("user")
    return f"user {user}" if user else f"text {hash(plan.prompt[:64])}"


def _warnings(fields: Fields) -> tuple[str, ...]:
    unknown = fields.unknown()
    warnings = [f"`{name}` is not known here and has no effect" for name in unknown]
    if fields.any("echo") and fields.any("logprobs") not in (None, False):
        warnings.append("`logprobs` tells of what is written, not of the prompt that is echoed")
    samplers = fields.any("samplers", [])
    if isinstance(samplers, list):
        warnings += [
            f"the sampler {each!r} is not known here and has no effect"
            for each in samplers
            if each not in FILTERS
        ]
    return tuple(warnings)
