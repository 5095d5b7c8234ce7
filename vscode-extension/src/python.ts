/** Which Python to make the server's environment with. */

import { Problem, problem } from './problems';
import { Run } from './run';

/** `hasPip`: it has a pip that installs into environments without one, which are made 40 times as fast. */
export type Python = { command: string[]; path: string; version: [number, number]; makesEnvironments: boolean; hasPip: boolean };

// Runs on every Python there has ever been, so that an old one can say that it is old.
const PROBE = `import sys
def has(name):
    try: return __import__(name)
    except ImportError: return None
pip = has("venv") and has("pip") and int(has("pip").__version__.split(".")[0]) >= 23
whole = pip or has("venv") and has("ensurepip")
facts = sys.version_info[0], sys.version_info[1], bool(whole), bool(pip), sys.executable
sys.stdout.write("%d %d %d %d %s" % facts)`;

/** The commands to try, best first; what the user has chosen is tried alone. */
export function candidates(chosen: string, platform: NodeJS.Platform = process.platform): string[][] {
  const usual = platform === 'win32' ? ['py', 'python'] : ['python3', 'python'];
  const named = ['3.13', '3.12', '3.11', '3.10'].map((version) => `python${version}`);
  return (chosen ? [chosen] : [...usual, ...named]).map((command) => [command]);
}

/** The Pythons among `commands` that run at all, in order. */
export async function findPythons(commands: string[][], run: Run): Promise<Python[]> {
  const found: Python[] = [];
  for (const command of commands) {
    // -I, so that no module of the folder VS Code was started in is taken for Python's own.
    const { code, output } = await run([...command, '-I', '-c', PROBE]);
    const match = /^(\d+) (\d+) ([01]) ([01]) (.+)$/m.exec(output);
    if (code === 0 && match) {
      const version: [number, number] = [Number(match[1]), Number(match[2])];
      found.push({ command, path: match[5], version, makesEnvironments: match[3] === '1', hasPip: match[4] === '1' });
    }
  }
  return found;
}

const isNewEnough = ({ version: [major, minor] }: Python) => major > 3 || (major === 3 && minor >= 10);

/** The first Python that will do; else the one that lacks least, for the message; else none. */
export function best(pythons: Python[]): Python | undefined {
  const recent = pythons.filter(isNewEnough);
  return recent.find((python) => python.makesEnvironments) ?? recent[0] ?? pythons[0];
}

/** What is wrong with `python`, the best there is, or undefined if it will do. */
export function pythonProblem(python: Python | undefined, chosen = ''): Problem | undefined {
  if (!python) {
    return chosen ? problem('wrongPython', chosen) : problem('noPython');
  }
  const lack = !isNewEnough(python) ? 'oldPython' : python.makesEnvironments ? undefined : 'barePython';
  return lack && problem(lack, python.path, python.version.join('.'));
}
