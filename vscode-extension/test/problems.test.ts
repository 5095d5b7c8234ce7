import assert from 'node:assert/strict';
import { test } from 'node:test';

import { installProblem, LABELS, lastLine, problem, serverProblem } from '../src/problems';
import * as table from '../src/problems.json';

const NOWHERE = { isPrivate: false, code: null, stderr: 'Error: spawn /opt/codelsp ENOENT' };

test('a private environment whose Python has gone is to be made again', () => {
  const told = serverProblem({ isPrivate: true, code: null, stderr: 'spawn ENOENT' });

  assert.match(told.message, /environment is broken/);
  assert.equal(told.actions[0], 'installAgain');
});

test('a private environment that lost a module is to be made again', () => {
  const stderr = "Traceback\nModuleNotFoundError: No module named 'pygls'\n";

  assert.equal(serverProblem({ isPrivate: true, code: 1, stderr }).actions[0], 'installAgain');
});

test("a server of the user's own that is not there is to be chosen, or installed", () => {
  const told = serverProblem(NOWHERE);

  assert.match(told.message, /codelsp\.server\.path/);
  assert.deepEqual(told.actions, ['chooseServer', 'install']);
});

test('a server that exits at once: its code, its last words, and buttons', () => {
  const told = serverProblem({ isPrivate: true, code: 2, stderr: 'x\ncodelsp: port 70000 is no port\n' });

  assert.match(told.message, /exit code 2\. codelsp: port 70000 is no port/);
  assert.deepEqual(told.actions, ['restart', 'showLog', 'install']);
});

test('a server that dies silently still gets a whole sentence', () => {
  assert.match(serverProblem({ isPrivate: false, code: 139, stderr: '' }).message, /exit code 139\.$/);
});

test('a workspace without trust: the button leads to its management', () => {
  assert.deepEqual(problem('notTrusted').actions, ['manageTrust']);
});

test('a full disk and a certificate have messages of their own', () => {
  assert.match(installProblem('OSError: [Errno 28] No space left on device').message, /no room left/);
  assert.match(installProblem("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))").message, /certificate/);
});

test("an unknown failure is told in pip's own last words", () => {
  assert.match(installProblem('a\nERROR: odd thing\n[notice] A new release of pip').message, /ERROR: odd thing$/);
});

test('a long last line is cut', () => {
  assert.equal(lastLine('x'.repeat(500)).length, 201);
});

test('every problem has a sentence, and a button that there is', () => {
  const all: { message: string; actions: string[] }[] = [...Object.values(table.problems), ...table.pip];

  for (const { message, actions } of all) {
    assert.match(message, /^[A-Z c].{20}/);
    assert.ok(actions.length > 0);
    assert.deepEqual(actions.filter((action) => !(action in LABELS)), [], message);
  }
});

test('every button has a label of its own', () => {
  assert.equal(new Set(Object.values(LABELS)).size, Object.keys(LABELS).length);
});
