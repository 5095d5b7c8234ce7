/**
 * The private installation of the server.
 *
 * Every installation is a virtual environment of its own beside the last one, and counts once it
 * is whole: an update that fails, or is cancelled, leaves what works as it was.
 */

import * as fs from 'node:fs';
import * as path from 'node:path';

import { installProblem, Problem, problem } from './problems';
import { best, candidates, findPythons, pythonProblem } from './python';
import { Run } from './run';

export interface InstallOptions {
  /** Where installations are kept. */
  folder: string;
  /** What pip installs: a requirement, or a wheel's path. */
  package: string;
  /** The Python the user has chosen, or empty. */
  python: string;
  /** VS Code's own proxy, or empty. */
  proxy: string;
  run: Run;
  report: (line: string) => unknown;
  signal: AbortSignal;
}

const WHOLE = 'codelsp-is-whole';
const PYTHON = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python';

function environments(folder: string): string[] {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return names.filter((name) => name.startsWith('venv-')).sort().map((name) => path.join(folder, name));
}

/** The command that starts the newest whole installation, or undefined if there is none. */
export function installedCommand(folder: string): string[] | undefined {
  const newest = environments(folder).filter((one) => fs.existsSync(path.join(one, WHOLE))).at(-1);
  // -I: neither the environment nor the folder it is started in can put another codelsp first.
  return newest === undefined ? undefined : [path.join(newest, PYTHON), '-I', '-m', 'codelsp'];
}

/** Install; returns what went wrong, undefined for nothing, 'cancelled' if the user has stopped it. */
export async function install(options: InstallOptions): Promise<Problem | 'cancelled' | undefined> {
  const { folder, run, report, signal } = options;
  report('Looking for Python');
  const base = best(await findPythons(candidates(options.python), run));
  const lack = pythonProblem(base, options.python);
  if (lack || !base) {
    return lack;
  }
  const environment = path.join(folder, `venv-${Date.now()}`);
  try {
    fs.mkdirSync(environment, { recursive: true });
  } catch (error) {
    return problem('folder', folder, (error as NodeJS.ErrnoException).code ?? String(error));
  }
  const python = [path.join(environment, PYTHON), '-I', '-m'];
  const pip = base.hasPip ? [...base.command, '-I', '-m', 'pip', '--python', environment] : [...python, 'pip'];
  const quick = ['--disable-pip-version-check', 'install', '--no-input', '--retries', '2', '--prefer-binary', '--no-compile', ...(options.proxy ? ['--proxy', options.proxy] : [])];
  const steps: Record<string, string[]> = {
    'Making a Python environment': [...base.command, '-I', '-m', 'venv', ...(base.hasPip ? ['--without-pip'] : []), environment],
    'Installing': [...pip, ...quick, options.package],
    'Trying it': [...python, 'codelsp', '--version'],
  };
  for (const [title, command] of Object.entries(steps)) {
    report(title);
    const { code, output } = await run(command, { onLine: report, signal });
    if (code !== 0) {
      fs.rmSync(environment, { recursive: true, force: true });
      return signal.aborted ? 'cancelled' : installProblem(output);
    }
  }
  fs.writeFileSync(path.join(environment, WHOLE), '');
  // The last one but this may still run in another window.
  environments(folder).slice(0, -2).forEach((old) => fs.rmSync(old, { recursive: true, force: true }));
  return undefined;
}
