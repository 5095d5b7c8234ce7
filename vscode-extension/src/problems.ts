/** What can go wrong before the first suggestion: one message each, and buttons that help. */

import * as table from './problems.json';

export type Action = keyof typeof table.labels;
export const LABELS: Record<Action, string> = table.labels;

/** What is told, the buttons, and what the button `copyCommand` copies. */
export type Problem = { message: string; actions: Action[]; command?: string };

const PIP = table.pip as (Problem & { when: string })[];
const BROKEN = /No module named|ModuleNotFoundError|ImportError|bad interpreter|No Python at|DLL load failed|error while loading shared libraries/;

/** The problem of this name, with `facts` in its message. */
export function problem(name: keyof typeof table.problems, ...facts: (string | number)[]): Problem {
  const { message, actions, command } = table.problems[name] as Problem;
  const filled = (text: string) => text.replace(/\{(\d)\}/g, (_, index) => String(facts[Number(index)])).trim();
  return { message: filled(message), actions, command: command && filled(command) };
}

/** Why an installation failed, from what pip and venv have said. */
export function installProblem(output: string): Problem {
  return PIP.find(({ when }) => new RegExp(when, 'i').test(output)) ?? problem('installation', lastLine(output));
}

/** Why the server has ended before it answered, or again and again; without a code it could not be started. */
export function serverProblem(end: { isPrivate: boolean; code: number | null; stderr: string }): Problem {
  if (end.isPrivate && (end.code === null || BROKEN.test(end.stderr))) {
    return problem('brokenServer');
  }
  const last = lastLine(end.stderr);
  return end.code === null ? problem('noServer', last) : problem('endedServer', end.code, last);
}

export function lastLine(output: string): string {
  const lines = output.split(/\r?\n/).map((line) => line.trim());
  const last = lines.filter((line) => line && !line.startsWith('[notice]')).at(-1) ?? '';
  return last.length > 200 ? `${last.slice(0, 200)}…` : last;
}
