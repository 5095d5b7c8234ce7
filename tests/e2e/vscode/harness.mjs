// A real VS Code in a real browser: code-server in a process of its own, its page in Chromium.
//
// Run by `tests/e2e/vscode/test_vscode.py`, which sets CODELSP_CODE_SERVER (the folder of
// `.ci/code-server.sh`), CODELSP_PYTHON (a Python with codelsp), CODELSP_EXTENSIONS (a folder in
// which the packed extension is installed), CODELSP_WHEEL, and CODELSP_ARTIFACTS, where screenshots go.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const EDITORS = process.env.CODELSP_CODE_SERVER;
export const { chromium } = createRequire(path.join(EDITORS, 'package.json'))('playwright-core');
export const PYTHON = process.env.CODELSP_PYTHON;
export const ROOT = path.resolve(import.meta.dirname, '../../..');
export const PATIENCE_MS = Number(process.env.CODELSP_PATIENCE_MS ?? 120_000);
const SECOND_TRY_MS = 10_000;
/** A file that tests type on in, or have the model write in. */
export const SHELF = `class Shelf:
    def __init__(self, name, size):
        self.name = name
        self.size = size
        self.books = []

    def add(self, book):
        if len(self.books) >= self.size:
            raise ValueError("the shelf is full")
`;
const ENTRY = path.join(EDITORS, 'node_modules/code-server/out/node/entry.js');

// What keeps a fresh VS Code from showing anything but the editor.
const QUIET = {
  'security.workspace.trust.enabled': false,
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.tips.enabled': false,
  'chat.disableAIFeatures': true,
  'extensions.ignoreRecommendations': true,
  'telemetry.telemetryLevel': 'off',
  'git.enabled': false,
  'files.autoSave': 'off',
  'editor.minimap.enabled': false,
  'editor.accessibilitySupport': 'off',
  'editor.wordBasedSuggestions': 'off',
  'editor.cursorBlinking': 'solid',
};

/** A VS Code with one workspace, and whatever pages look at it. */
export class Editor {
  static async start({ settings = {}, files = {}, server = 'real', folders = [], env = {} } = {}) {
    const editor = new Editor();
    editor.home = fs.mkdtempSync(path.join(os.tmpdir(), 'codelsp-vscode-'));
    editor.folder = path.join(editor.home, 'project');
    fs.mkdirSync(editor.folder);
    for (const [name, text] of Object.entries(files)) {
      fs.writeFileSync(path.join(editor.folder, name), text);
    }
    const own = server === 'none' ? {} : { 'codelsp.server.path': editor.#program(server) };
    editor.configure({ ...own, ...settings });
    editor.env = {
      ...process.env, HOME: editor.home, CODELSP_HOME: path.join(editor.home, 'codelsp'), ...env,
    };
    fs.cpSync(process.env.CODELSP_EXTENSIONS, path.join(editor.home, 'extensions'), { recursive: true });
    // Without its list of what is installed, VS Code looks for itself what is there.
    fs.rmSync(path.join(editor.home, 'extensions', 'extensions.json'), { force: true });
    for (const folder of folders) {
      fs.cpSync(folder, path.join(editor.home, 'extensions', path.basename(folder)), { recursive: true });
    }
    editor.port = await freePort();
    editor.process = editor.#spawn('--auth', 'none', '--bind-addr', `127.0.0.1:${editor.port}`, '--disable-telemetry', '--disable-update-check');
    editor.log = '';
    editor.process.stdout.on('data', (text) => { editor.log += text; });
    editor.process.stderr.on('data', (text) => { editor.log += text; });
    await until(() => fetch(`http://127.0.0.1:${editor.port}/healthz`).then((reply) => reply.ok, () => false), 'code-server');
    return editor;
  }

  configure(settings) {
    for (const place of ['User', 'Machine']) {
      const folder = path.join(this.home, 'data', place);
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, 'settings.json'), JSON.stringify({ ...QUIET, ...settings }, null, 2));
    }
  }

  /** The program that is set as the server: a script, so that the tests decide what it does. */
  #program(server) {
    const file = path.join(this.home, 'codelsp-server');
    this.serve(server);
    return file;
  }

  /** From the next start on, this is the server. */
  serve(server) {
    const command = server === 'real' ? `exec ${PYTHON} -m codelsp "$@"` : server;
    fs.writeFileSync(path.join(this.home, 'codelsp-server'), `#!/bin/sh\ncd ${ROOT}\n${command}\n`, { mode: 0o755 });
  }

  #killAll() {
    killed(this.serverPids(''));
    return false;
  }

  #spawn(...args) {
    const folders = ['--user-data-dir', path.join(this.home, 'data'), '--extensions-dir', path.join(this.home, 'extensions')];
    return spawn(path.join(EDITORS, 'bin/node'), [ENTRY, ...folders, ...args], { env: this.env });
  }

  /** Open a window; each has a browser profile of its own. */
  async window(file) {
    this.browser ??= await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
    const context = await this.browser.newContext({ viewport: { width: 1000, height: 640 } });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${this.port}/?folder=${this.folder}`);
    await page.locator('.monaco-workbench').waitFor({ timeout: PATIENCE_MS });
    const window = new Window(page, this);
    if (file) {
      await window.open(file);
    }
    return window;
  }

  /** The processes of this VS Code whose command line holds `text`, and not those of another. */
  serverPids(text) {
    return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)
          && fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${this.home}\0`);
      } catch {
        return false; // It has gone meanwhile.
      }
    });
  }

  /** Whether this is a server itself, and not the shell that has started it. */
  isPython(pid) {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0].includes('python');
  }

  read(name) {
    return fs.readFileSync(path.join(this.folder, name), 'utf8');
  }

  async stop() {
    await this.browser?.close();
    const ended = new Promise((resolve) => this.process.once('close', resolve));
    this.process.kill();
    await ended;
    // The engine outlives its servers on purpose, for the next one; here it goes with them.
    await until(() => this.serverPids('codelsp').length === 0 || this.#killAll(), 'the end of the servers');
    fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/** One window, seen and used as a person does: keys in, pixels and text out. */
export class Window {
  constructor(page, editor) {
    this.page = page;
    this.editor = editor;
  }

  async command(name) {
    await this.page.keyboard.press('F1');
    const input = this.page.locator('.quick-input-widget input');
    await input.waitFor();
    await input.fill(`>${name}`);
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first().waitFor();
    await this.page.keyboard.press('Enter');
  }

  /** Open a file by its name, with whatever editor is made for it. */
  async choose(name) {
    const input = this.page.locator('.quick-input-widget input');
    const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first();
    // The list is of the files that were there when it was opened.
    await this.insist(`${name} in the list of files`, row, async () => {
      await this.press('Escape');
      await this.press('Control+p');
      await input.waitFor();
      await input.fill(name);
    });
    await this.press('Enter');
    await this.page.locator('.tab.active', { hasText: name }).waitFor();
  }

  /** Open a text, and have the cursor in it. */
  async open(name) {
    await this.choose(name);
    await this.page.locator('.editor-instance .view-lines').first().waitFor();
    await this.page.locator('.editor-instance .monaco-editor.focused').first().waitFor();
  }

  /** Do this until what it brings is there, as a person does whom a busy machine has not heard. */
  async insist(what, wanted, action) {
    await until(async () => {
      await action();
      return wanted.waitFor({ timeout: SECOND_TRY_MS }).then(() => true, () => false);
    }, what, this);
  }

  /** Choose from the menu of the status bar item. */
  async menu(label) {
    await this.page.locator('[id="codelsp.codelsp.codelsp"] a').click();
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: label }).first().click();
    await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
    await this.press('Control+1'); // From the status bar back to the editor.
    await this.page.locator('.editor-instance .monaco-editor.focused').first().waitFor();
  }

  async goTo(line, column) {
    await this.page.keyboard.press('Control+g');
    const input = this.page.locator('.quick-input-widget input');
    await input.waitFor();
    await input.fill(`:${line}:${column}`);
    await this.page.keyboard.press('Enter');
    await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  }

  type(text) {
    return this.page.keyboard.type(text, { delay: 40 });
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  /** What is drawn in gray, or empty; the editor draws a line of it in several parts. */
  ghost() {
    return this.page.evaluate(() => {
      const texts = (selector) => [...document.querySelectorAll(selector)].map((part) => part.textContent);
      const line = texts('.ghost-text-decoration, .ghost-text-decoration-preview').join('');
      return [line, ...texts('.suggest-preview-text .view-line')].join('\n').replace(/\u00a0/g, ' ');
    });
  }

  /** Wait for ghost text; return it. */
  async awaitGhost(wanted = (text) => text !== '') {
    await until(async () => wanted(await this.ghost()), 'ghost text', this);
    return this.ghost();
  }

  async status() {
    return (await this.page.locator('[id="codelsp.codelsp.codelsp"]').textContent({ timeout: 1_000 }).catch(() => '')) ?? '';
  }

  awaitStatus(pattern, patienceMs = PATIENCE_MS) {
    return until(async () => pattern.test(await this.status()), `status ${pattern}`, this, patienceMs);
  }

  /** Save, and return what is now on the disk. */
  async saved(name) {
    await this.press('Control+s');
    await this.page.locator('.tab.active.dirty').waitFor({ state: 'detached' });
    return this.editor.read(name);
  }

  notifications() {
    return this.page.locator('.notification-toast .notification-list-item-message').allTextContents();
  }

  buttons() {
    return this.page.locator('.notification-toast .monaco-button').allTextContents();
  }

  async awaitNotification(pattern) {
    await until(async () => (await this.notifications()).some((text) => pattern.test(text)), `message ${pattern}`, this);
    return (await this.notifications()).find((text) => pattern.test(text));
  }

  click(label) {
    return this.page.locator('.notification-toast .monaco-button, .monaco-dialog-box .monaco-button', { hasText: label }).first().click();
  }

  shot(name) {
    const folder = process.env.CODELSP_ARTIFACTS ?? os.tmpdir();
    fs.mkdirSync(folder, { recursive: true });
    return this.page.screenshot({ path: path.join(folder, `vscode-${name}.png`) });
  }
}

/** Wait until `condition` holds; fail with a screenshot and the log when it does not in time. */
export async function until(condition, what, window, patienceMs = PATIENCE_MS) {
  const end = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > end) {
      await window?.shot(`failed-${what.replace(/\W+/g, '-')}`);
      throw new Error(`waited in vain for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Kill these processes; one that has gone by itself meanwhile is as good. */
export function killed(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') {
        throw error;
      }
    }
  }
}

export function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

/** Say a figure where a person finds it. */
export function noteFigure(what, figure) {
  console.log(`figure: ${what}: ${figure}`);
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
