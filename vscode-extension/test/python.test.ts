import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { after, test } from 'node:test';

import { best, candidates, findPythons, Python, pythonProblem } from '../src/python';
import { run } from '../src/run';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'codelsp-python-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A program that answers as a Python of this version would. */
function fakePython(name: string, answer: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, `#!/bin/sh\nprintf '%s' '${answer} ${file}'\n`, { mode: 0o755 });
  return file;
}

const python = (version: [number, number], makesEnvironments = true): Python => ({
  command: ['python3'],
  path: '/usr/bin/python3',
  version,
  makesEnvironments,
  hasPip: false,
});

test('the Python of this machine is found, with its version', async () => {
  const [found] = await findPythons([['python3']], run);

  assert.ok(path.isAbsolute(found.path));
  assert.equal(found.version[0], 3);
});

test('a command that is missing, fails or is no Python is passed over', async () => {
  const fails = path.join(folder, 'fails');
  fs.writeFileSync(fails, '#!/bin/sh\nexit 9\n', { mode: 0o755 });

  assert.deepEqual(await findPythons([['no-such-python'], [fails], ['echo']], run), []);
});

test('an old Python can say that it is old', async () => {
  const [found] = await findPythons([[fakePython('old', '2 7 1 1')]], run);

  assert.deepEqual(found.version, [2, 7]);
});

test('the first Python that will do is taken, not the first there is', async () => {
  const commands = [fakePython('p38', '3 8 1 1'), fakePython('bare', '3 12 0 0'), fakePython('p311', '3 11 1 0')];

  const found = best(await findPythons(commands.map((file) => [file]), run));

  assert.deepEqual(found?.version, [3, 11]);
});

test('the Python that the user has chosen is tried alone', () => {
  assert.deepEqual(candidates('/opt/python'), [['/opt/python']]);
});

test('Windows has its launcher', () => {
  assert.deepEqual(candidates('', 'win32')[0], ['py']);
});

test('no Python: the message offers to get one', () => {
  const problem = pythonProblem(best([]));

  assert.match(problem?.message ?? '', /needs Python 3\.10 or newer, and none was found/);
  assert.deepEqual(problem?.actions, ['getPython', 'choosePython']);
});

test('a chosen Python that does not run is named', () => {
  assert.match(pythonProblem(undefined, '/opt/gone')?.message ?? '', /\/opt\/gone is no Python that runs/);
});

test('an old Python: the message names it and its version', () => {
  const problem = pythonProblem(python([3, 9]));

  assert.match(problem?.message ?? '', /\/usr\/bin\/python3 is 3\.9/);
  assert.deepEqual(problem?.actions, ['getPython', 'choosePython']);
});

test('a Python without venv: the message has the command that adds it', () => {
  const problem = pythonProblem(python([3, 11], false));

  assert.match(problem?.message ?? '', /python3-venv/);
  assert.equal(problem?.command, 'sudo apt install python3.11-venv');
  assert.equal(problem?.actions[0], 'copyCommand');
});

test('versions are compared as numbers, not as texts', () => {
  assert.equal(pythonProblem(python([3, 10])), undefined);
  assert.equal(pythonProblem(python([4, 0])), undefined);
  assert.notEqual(pythonProblem(python([2, 99])), undefined);
});

test('the Python that runs these tests has a pip that needs no environment of its own', async () => {
  const [found] = await findPythons([['python3']], run);

  assert.equal(found.makesEnvironments, true);
});
