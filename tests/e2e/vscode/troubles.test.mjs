// What a person sees when something is wrong: one message, and a button that helps.
// One VS Code goes through one trouble after the other.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Editor, PYTHON, until } from './harness.mjs';

const FILES = { 'known.txt': 'total = price * amount', 'total.py': '# a file\n' };
const SCRIPTED = `exec ${PYTHON} -m tests.scripted_server --folder "$HOME" --knows "$HOME/project/known.txt" "$@"`;
const OFFLINE = { PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_RETRIES: '0', PIP_NO_CACHE_DIR: '1', PIP_CONFIG_FILE: '/dev/null', no_proxy: '*' };

let editor;
let window;

before(async () => {
  editor = await Editor.start({
    files: FILES,
    server: SCRIPTED,
    settings: { 'security.workspace.trust.enabled': true },
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...OFFLINE },
  });
  window = await editor.window();
});

after(() => editor.stop());

test('a workspace without trust: off until it is trusted, and then on', async () => {
  await window.awaitNotification(/until you trust it/);
  assert.match(await window.status(), /off/);
  assert.deepEqual(editor.serverPids('tests.scripted_server'), []);

  await window.click('Manage Trust');
  await window.page.locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ }).first().click();

  await window.awaitStatus(/scripted/);
});

test('a server that ends at once: its own words, and a way on', async () => {
  editor.serve('echo "the moon is full" >&2; exit 3');

  await window.command('codelsp: Restart');

  const message = await window.awaitNotification(/exit code 3/);
  assert.match(message, /the moon is full/);
  assert.equal((await window.notifications()).length, 1);
  assert.deepEqual(await window.buttons(), ['Restart', 'Show Log', 'Install']);
  await window.shot('server-ends-at-once');

  editor.serve(SCRIPTED);
  await window.click('Restart');

  await window.awaitStatus(/scripted/);
});

test('no network: the installation says so, and offers a file instead', async () => {
  editor.configure({}); // There is no server now: neither a chosen one, nor on the PATH.
  await window.page.reload();
  await window.awaitNotification(/codelsp needs its server/);

  await window.click(/^Install$/);

  await window.awaitNotification(/could not be reached/);
  await until(async () => (await window.notifications()).length === 1, 'one message', window);
  assert.deepEqual(await window.buttons(), ['Try Again', 'Install from a File…', 'Show Log']);
  assert.match(await window.status(), /error/);
  await window.shot('no-network');
});
