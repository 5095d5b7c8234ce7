// The panel beside the code: what was decided, the candidates, the time, the prompt.

const place = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function showStatus(text) {
  place('status').textContent = text;
}

/** Show a trace, the answer to `codelsp.explainLast`. */
export function showTrace(trace) {
  if (!trace?.decision) {
    return;
  }
  const facts = Object.entries(trace.facts ?? {}).map(([name, value]) =>
    `${name.replaceAll('_', ' ')} ${typeof value === 'number' ? Math.round(value * 10) / 10 : value}`);
  place('decision').replaceChildren(
    element('strong', { textContent: trace.decision }),
    ` (${trace.source || 'no generation'}, ${trace.trigger})`,
    element('small', { textContent: facts.join(' · ') }),
  );
  place('candidates').replaceChildren(...(trace.candidates ?? []).map(candidate));
  const stages = Object.entries(trace.stages_ms ?? {});
  const total = trace.stages_ms?.total || 1;
  place('timings').replaceChildren(...stages.map(([name, spent]) => timing(name, spent, total)));
  if (trace.prompt) {
    place('prompt').replaceChildren(...trace.prompt.map(part));
  }
}

function candidate({ text, score, verdicts = [] }) {
  const telling = verdicts.filter(({ action }) => action !== 'kept');
  const isDropped = telling.some(({ action }) => action === 'dropped');
  return element('li', { className: isDropped ? 'dropped' : '' },
    element('code', { textContent: text || '(nothing)' }),
    ...(score === null ? [] : [element('meter', { value: score, title: 'Estimated chance of being right' }), ` ${Math.round(score * 100)} %`]),
    ...telling.map(({ step, action, reason }) => element('small', { textContent: `${step} ${action}: ${reason}` })),
  );
}

function timing(name, spent, total) {
  const bar = element('div');
  bar.style.width = `${Math.min(100, (100 * spent) / total)}%`;
  return element('tr', {},
    element('td', { textContent: name }),
    element('td', { className: 'time', textContent: `${spent.toFixed(1)} ms` }),
    element('td', { className: 'bar' }, bar));
}

function part({ role, text, n_tokens: tokens, is_clipped: isClipped }) {
  const title = `${role}: ${tokens} tokens${isClipped ? ', only a part of this' : ''}`;
  return element('span', { className: role, textContent: text, title });
}
