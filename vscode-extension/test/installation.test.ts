import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { after, test } from 'node:test';

import { install, InstallOptions, installedCommand } from '../src/installation';
import { run } from '../src/run';

const WHEEL = 'UEsDBAoAAAAAAA==';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'codelsp-install-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));

function newFolder(): string {
  return fs.mkdtempSync(path.join(root, 'folder-'));
}

function options(folder: string, more: Partial<InstallOptions> = {}): InstallOptions {
  const signal = new AbortController().signal;
  return { folder, package: 'codelsp', python: '', proxy: '', run, report: () => undefined, signal, ...more };
}

/** The problem that an installation ends with; there must be one. */
async function problemOf(more: Partial<InstallOptions>, folder = newFolder()) {
  const problem = await install(options(folder, more));
  assert.ok(problem && problem !== 'cancelled');
  assert.equal(installedCommand(folder), undefined);
  assert.deepEqual(fs.existsSync(folder) && fs.statSync(folder).isDirectory() ? fs.readdirSync(folder) : [], []);
  return problem;
}

/** Run with other variables for the programs that are started, and without waiting for a dead network. */
async function withVariables<T>(variables: Record<string, string>, act: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, { PIP_CONFIG_FILE: os.devNull, PIP_NO_CACHE_DIR: '1' }, variables);
  try {
    return await act();
  } finally {
    process.env = before;
  }
}

/** A whole package called codelsp that does nothing but say its version. */
function sourceFolder(): string {
  const folder = newFolder();
  fs.mkdirSync(path.join(folder, 'codelsp'));
  fs.writeFileSync(path.join(folder, 'codelsp', '__init__.py'), '');
  fs.writeFileSync(path.join(folder, 'codelsp', '__main__.py'), 'print("codelsp 1.0")\n');
  return folder;
}

/** Build a wheel of that package as pip wants it, with Python's own zipfile. */
async function wheel(): Promise<string> {
  const file = path.join(newFolder(), 'codelsp-1.0-py3-none-any.whl');
  const program = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[2], "w") as wheel:
    for name in ("__init__", "__main__"):
        wheel.write(f"{sys.argv[1]}/codelsp/{name}.py", f"codelsp/{name}.py")
    info = "codelsp-1.0.dist-info"
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: codelsp\\nVersion: 1.0\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;
  const { code, output } = await run(['python3', '-c', program, sourceFolder(), file]);
  assert.equal(code, 0, output);
  return file;
}

test('a wheel on this machine is installed without a network, and starts', async () => {
  const folder = newFolder();
  const lines: string[] = [];

  const problem = await withVariables({ PIP_NO_INDEX: '1', PIP_QUIET: '0' }, async () =>
    install(options(folder, { package: await wheel(), report: (line) => lines.push(line) })));

  assert.equal(problem, undefined);
  const command = installedCommand(folder);
  assert.ok(command);
  assert.equal((await run([...command, '--version'])).output.trim(), 'codelsp 1.0');
  assert.ok(lines.some((line) => line.startsWith('Successfully installed')), lines.join('\n'));
});

test('an update that fails leaves what works', async () => {
  const folder = newFolder();
  await withVariables({ PIP_NO_INDEX: '1' }, async () => {
    await install(options(folder, { package: await wheel() }));
    const before = installedCommand(folder);

    const problem = await install(options(folder, { package: '/no/such-1.0-py3-none-any.whl' }));

    assert.ok(problem && problem !== 'cancelled');
    assert.deepEqual(problem.actions, ['choosePackage', 'showLog']);
    assert.deepEqual(installedCommand(folder), before);
  });
});

test('no network: try again, or install from a file', async () => {
  const problem = await withVariables({ PIP_INDEX_URL: 'http://127.0.0.1:9/simple', no_proxy: '*' }, () => problemOf({}));

  assert.match(problem.message, /index could not be reached/);
  assert.deepEqual(problem.actions.slice(0, 2), ['tryAgain', 'choosePackage']);
});

test('a proxy that does not answer: to its setting', async () => {
  const variables = { PIP_INDEX_URL: 'https://localhost.invalid/simple', no_proxy: '', NO_PROXY: '' };

  const problem = await withVariables(variables, () => problemOf({ proxy: 'http://127.0.0.1:9' }));

  assert.match(problem.message, /proxy/i);
  assert.equal(problem.actions[0], 'proxySettings');
});

test('a file that is no wheel: choose another', async () => {
  const file = path.join(newFolder(), 'codelsp-1.0-py3-none-any.whl');
  fs.writeFileSync(file, Buffer.from(WHEEL, 'base64'));

  const problem = await withVariables({ PIP_NO_INDEX: '1' }, () => problemOf({ package: file }));

  assert.equal(problem.actions[0], 'choosePackage');
});

test('an index without codelsp: another Python, or a file', async () => {
  const problem = await withVariables({ PIP_NO_INDEX: '1' }, () => problemOf({}));

  assert.match(problem.message, /has no codelsp/);
});

test('a folder that cannot be written: choose another', async () => {
  const file = path.join(newFolder(), 'file');
  fs.writeFileSync(file, '');

  const problem = await problemOf({}, path.join(file, 'below'));

  assert.match(problem.message, /cannot be installed to .*below: ENOTDIR/);
  assert.deepEqual(problem.actions, ['chooseFolder', 'chooseServer']);
});

test('no Python: nothing is made', async () => {
  const problem = await problemOf({ python: '/no/such/python' });

  assert.deepEqual(problem.actions, ['choosePython', 'getPython']);
});

test('a cancelled installation leaves nothing behind and is no problem', async () => {
  const folder = newFolder();
  const stop = new AbortController();
  const report = (line: string) => line.startsWith('Making') && setTimeout(() => stop.abort(), 50);

  assert.equal(await install(options(folder, { report, signal: stop.signal })), 'cancelled');
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('what was not finished does not count', () => {
  const folder = newFolder();
  fs.mkdirSync(path.join(folder, 'venv-1'));

  assert.equal(installedCommand(folder), undefined);
});
