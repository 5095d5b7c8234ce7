// Docstrings, tests and bodies from the light bulb's menu, with the model that ships: what a person
// chooses is shown first, and stands in the file once it is applied.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { Editor, SHELF, until } from './harness.mjs';

const FILE = `${SHELF}        self.books.append(book)


def largest(numbers):
    found = numbers[0]
    for number in numbers:
        if number > found:
            found = number
    return found


def smallest(numbers):
    pass
`;

let editor;
let window;

before(async () => {
  editor = await Editor.start({ files: { 'shelf.py': FILE, 'pyproject.toml': '[tool.pytest.ini_options]\n' } });
  window = await editor.window('shelf.py');
  await window.awaitStatus(/codelsp-/);
});

afterEach(async (context) => {
  await window.shot(`code-actions-${context.name.slice(0, 40).replace(/\W+/g, '-')}`);
});

after(() => editor.stop());

/** Choose from the menu of code actions at a place, and wait until VS Code shows the edit. */
async function preview(line, column, title) {
  await window.goTo(line, column);
  const row = window.page.locator('.action-widget .monaco-list-row', { hasText: title }).first();
  await window.insist(`${title} in the menu`, row, async () => {
    await window.press('Escape');
    await window.press('Control+.');
  });
  await row.click();
  await window.page.locator('.bulk-edit-panel .monaco-list-row').first().waitFor();
  await window.shot(`preview-${title.source.replace(/\W+/g, '-')}`);
}

async function decide(label) {
  await window.page.locator('.bulk-edit-panel .monaco-button', { hasText: label }).click();
  await window.page.locator('.bulk-edit-panel').waitFor({ state: 'hidden' });
}

test('a docstring is shown, applied as shown, and one undo takes it back', async () => {
  await preview(7, 9, /^Write docstring of Shelf.add \(codelsp-/);
  assert.equal(editor.read('shelf.py'), FILE);

  await decide('Apply');

  const written = await window.saved('shelf.py');
  const [, docstring] = /def add\(self, book\):\n {8}"""([^]*?)"""\n {8}if len/.exec(written) ?? assert.fail(written);
  assert.match(docstring, /\n {8}Args:\n {12}book: .+\n\n {8}Raises:\n {12}ValueError: .+\n {8}$/);
  await window.press('Control+z');
  assert.equal(await window.saved('shelf.py'), FILE);
});

test('what is discarded leaves no trace', async () => {
  await preview(13, 6, /^Write docstring of largest/);

  await decide('Discard');

  await window.press('Control+1');
  assert.equal(editor.read('shelf.py'), FILE);
  assert.equal(await window.page.locator('.tab.active.dirty').count(), 0);
});

test('a function that only passes gets a body', async () => {
  await preview(21, 6, /^Complete smallest \(codelsp-/);

  await decide('Apply');

  const written = await window.saved('shelf.py');
  assert.ok(written.startsWith(FILE.slice(0, FILE.lastIndexOf('    pass'))), written);
  assert.doesNotMatch(written, /pass\n$/);
});

test('tests go into the file of tests that belongs to it', async () => {
  const file = path.join(editor.folder, 'test_shelf.py');
  await preview(13, 6, /^Write tests for largest/);

  await decide('Apply');

  await until(() => fs.existsSync(file), 'the file of tests', window);
  await window.open('test_shelf.py');
  const text = await window.saved('test_shelf.py');
  assert.match(text, /^from shelf import largest\n/m);
  assert.match(text, /^def test_largest\w*\(/m);
});
