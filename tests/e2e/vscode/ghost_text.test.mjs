// Ghost text in the page: shown, taken, let go, as a person at the keyboard meets it.
// The model is scripted, so that it says what the tests need; everything else is real.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { Editor, killed, PYTHON, until } from './harness.mjs';

const KNOWN = [
  'total = price * amount',
  'report(first, second)',
  'colour = "red"',
  'colour = "green"',
  'colour = "blue"',
  'shelf = Shelf("poetry", 12)',
  'wonderful_name.reset(everything)',
].join('\n');
const FILES = Object.fromEntries(
  ['tab', 'escape', 'cycle', 'word', 'line', 'suffix', 'popup', 'pause', 'crash', 'typing'].map((name) => [`${name}.py`, '# a file\n']),
);
FILES['popup.py'] = 'wonderful_name = 1\n';
FILES['rest.py'] = '# a file\ntotal = pri\n';
const CELLS = ['price = 3', 'amount = 4\n'].map((source) => ({ cell_type: 'code', execution_count: null, metadata: {}, outputs: [], source }));
FILES['notebook.ipynb'] = JSON.stringify({ cells: CELLS, metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 });

let editor;
let window;

before(async () => {
  editor = await Editor.start({
    settings: { 'editor.wordBasedSuggestions': 'currentDocument' },
    files: { ...FILES, 'known.txt': KNOWN },
    server: `exec ${PYTHON} -m tests.scripted_server --folder "$HOME" --knows "$HOME/project/known.txt" "$@"`,
  });
  window = await editor.window();
  await window.awaitStatus(/scripted/);
});

afterEach(async (context) => {
  await window.shot(`ghost-text-${context.name.slice(0, 40).replace(/\W+/g, '-')}`);
});

after(() => editor.stop());

async function openAtEnd(name) {
  await window.open(name);
  await window.press('Control+End');
}

test('ghost text appears while typing, and Tab takes it', async () => {
  await openAtEnd('tab.py');
  await window.type('total = pri');
  assert.equal(await window.awaitGhost(), 'ce * amount');

  await window.press('Tab');

  assert.equal(await window.saved('tab.py'), '# a file\ntotal = price * amount');
});

test('Escape lets it go, and nothing is inserted', async () => {
  await openAtEnd('escape.py');
  await window.type('total = pri');
  await window.awaitGhost();

  await window.press('Escape');

  await window.awaitGhost((text) => text === '');
  assert.equal(await window.saved('escape.py'), '# a file\ntotal = pri');
});

test('what is typed along with it stays, and the rest of it too', async () => {
  await openAtEnd('typing.py');
  await window.type('total = pri');
  await window.awaitGhost();

  await window.type('ce *');

  assert.equal(await window.awaitGhost((text) => text === ' amount'), ' amount');
  await window.press('Tab');
  assert.equal(await window.saved('typing.py'), '# a file\ntotal = price * amount');
});

test('where the cursor rests, the first key is answered from memory', async () => {
  await window.open('rest.py');
  await window.goTo(2, 'total = pri'.length + 1);
  await window.page.waitForTimeout(2_000); // A person looks before going on.

  await window.type('c');

  assert.equal(await window.awaitGhost(), 'e * amount');
  await window.command('Why This Suggestion');
  const page = window.page.locator('.editor-instance .view-lines', { hasText: /shown.\(cache\)/ });
  await page.first().waitFor();
});

test('the next alternative is one key away', async () => {
  await openAtEnd('cycle.py');
  await window.type('colour = "');
  await window.awaitGhost();
  await window.press('Escape');
  await window.awaitGhost((text) => text === '');
  await window.press('Alt+\\');
  // Not what was drawn before the editor closed the quote.
  const first = await window.awaitGhost((text) => /^\w+$/.test(text));

  await window.press('Alt+]');
  const second = await window.awaitGhost((text) => text !== '' && text !== first);
  await window.press('Alt+[');

  assert.equal(await window.awaitGhost((text) => text === first), first);
  await window.press('Alt+]');
  await window.awaitGhost((text) => text === second);
  await window.press('Tab');
  const colour = second.replace(/"$/, '');
  assert.equal(await window.saved('cycle.py'), `# a file\ncolour = "${colour}"`);
});

test('one word of it is taken, and the rest stays', async () => {
  await openAtEnd('word.py');
  await window.type('total = pri');
  await window.awaitGhost();

  await window.press('Control+ArrowRight');

  assert.equal(await window.awaitGhost((text) => text === ' * amount'), ' * amount');
  await window.press('Escape');
  assert.equal(await window.saved('word.py'), '# a file\ntotal = price');
});

test('the line of it is taken by its own key', async () => {
  await openAtEnd('line.py');
  await window.type('shelf = Sh');
  await window.awaitGhost();

  await window.press('Control+Alt+ArrowRight');

  await window.awaitGhost((text) => text === '');
  assert.equal(await window.saved('line.py'), '# a file\nshelf = Shelf("poetry", 12)');
});

test('what already stands after the cursor is not written twice', async () => {
  await openAtEnd('suffix.py');
  await window.type('report(fir'); // VS Code closes the bracket itself.

  const ghost = await window.awaitGhost();
  await window.press('Tab');

  assert.match(ghost, /^st, second/);
  assert.equal(await window.saved('suffix.py'), '# a file\nreport(first, second)');
});

test('the menu of words and ghost text are there together, and agree', async () => {
  await openAtEnd('popup.py');
  await window.type('wonder');
  await window.page.locator('.suggest-widget.visible .monaco-list-row', { hasText: 'wonderful_name' }).waitFor();

  const ghost = await window.awaitGhost();
  await window.shot('ghost-text-and-menu');
  await window.press('Escape');
  await window.press('Escape');

  assert.match(ghost, /^ful_name/);
});

test('a cell of a notebook gets ghost text as a file does', async () => {
  await window.choose('notebook.ipynb');
  await window.page.locator('.notebook-editor .code-cell-row .view-lines').nth(1).click();
  await window.press('Control+End');
  await window.type('total = pri');
  assert.equal(await window.awaitGhost(), 'ce * amount');

  await window.press('Tab');

  const { cells } = JSON.parse(await window.saved('notebook.ipynb'));
  assert.equal([cells[1].source].flat().join(''), 'amount = 4\ntotal = price * amount');
});

test('a pause for the language ends ghost text, its end brings it back', async () => {
  await openAtEnd('pause.py');
  await window.menu('Pause for python');
  await window.awaitStatus(/paused/);
  await window.type('total = pri');
  await window.page.waitForTimeout(1500); // Nothing is to happen: there is no condition to wait for.
  assert.equal(await window.ghost(), '');

  await window.menu('Resume for python');
  await window.awaitStatus(/scripted/);
  await window.type('c');

  assert.equal(await window.awaitGhost(), 'e * amount');
});

test('a server that is killed is started again, unseen', async () => {
  await openAtEnd('crash.py');
  await window.type('total = pri');
  await window.awaitGhost();
  const before = editor.serverPids('tests.scripted_server');
  killed(before);
  await until(() => editor.serverPids('tests.scripted_server').some((pid) => !before.includes(pid)), 'a new server', window);

  await window.type('ce');

  // The first keys may still have met the old server's end.
  await until(async () => {
    await window.press('Alt+\\');
    return (await window.ghost()) === ' * amount';
  }, 'ghost text of the new server', window);
  assert.deepEqual(await window.notifications(), []);
});

test('a server that dies again and again is told once, and Restart helps', async () => {
  for (let death = 0; death < 6 && (await window.notifications()).length === 0; death += 1) {
    const before = editor.serverPids('tests.scripted_server');
    killed(before);
    await until(async () =>
      editor.serverPids('tests.scripted_server').some((pid) => !before.includes(pid)) || (await window.notifications()).length > 0,
    'a new server or a message', window);
  }
  await window.awaitNotification(/server stopped/);
  assert.equal((await window.notifications()).length, 1);
  assert.match(await window.status(), /error/);

  await window.click('Restart');

  await window.awaitStatus(/scripted/);
});
