// What a person sees when something is wrong: one message, and a button that helps.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { Editor, PYTHON } from './harness.mjs';

const FILES = { 'known.txt': 'total = price * amount', 'total.py': '# a file\n' };
const SCRIPTED = `exec ${PYTHON} -m tests.scripted_server --folder "$HOME" --knows "$HOME/project/known.txt" "$@"`;

let editor;

afterEach(() => editor.stop());

test('a workspace without trust: off until it is trusted, and then on', async () => {
  editor = await Editor.start({ files: FILES, server: SCRIPTED, settings: { 'security.workspace.trust.enabled': true } });
  const window = await editor.window();
  await window.awaitNotification(/until you trust it/);
  assert.match(await window.status(), /off/);
  assert.deepEqual(editor.serverPids('tests.scripted_server'), []);

  await window.click('Manage Trust');
  await window.page.locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ }).first().click();

  await window.awaitStatus(/scripted/);
});

test('a server that ends at once: its own words, and a way on', async () => {
  editor = await Editor.start({ files: FILES, server: 'echo "the moon is full" >&2; exit 3' });
  const window = await editor.window();

  const message = await window.awaitNotification(/exit code 3/);

  assert.match(message, /the moon is full/);
  assert.equal((await window.notifications()).length, 1);
  assert.deepEqual(await window.buttons(), ['Restart', 'Show Log', 'Install']);
  await window.shot('server-ends-at-once');
});

test('no network: the installation says so, and offers a file instead', async () => {
  const offline = { PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_RETRIES: '0', PIP_NO_CACHE_DIR: '1', PIP_CONFIG_FILE: '/dev/null', no_proxy: '*' };
  editor = await Editor.start({ files: FILES, server: 'none', env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...offline } });
  const window = await editor.window();
  await window.awaitNotification(/codelsp needs its server/);

  await window.click(/^Install$/);

  await window.awaitNotification(/could not be reached/);
  assert.deepEqual(await window.buttons(), ['Try Again', 'Install from a File…', 'Show Log']);
  assert.match(await window.status(), /error/);
  await window.shot('no-network');
});
