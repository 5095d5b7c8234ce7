// Makes media/typing.gif, the moving picture of the README, from a real run:
// CODELSP_CODE_SERVER=... CODELSP_PYTHON=... CODELSP_EXTENSIONS=... npm run picture

import fs from 'node:fs';
import path from 'node:path';

import gifenc from 'gifenc';
import { PNG } from 'pngjs';

import { Editor } from '../tests/e2e/vscode/harness.mjs';

const CODE = `class Shelf:
    """Books, up to as many as there is room for."""

    def __init__(self, name, size):
        self.name = name
        self.size = size
        self.books = []

    def add(self, book):
        if len(self.books) >= self.size:
            raise ValueError("the shelf is full")
        `;
const SHOWN = { x: 302, y: 36, width: 640, height: 320 };

const { GIFEncoder, quantize, applyPalette } = gifenc;
const gif = GIFEncoder();
const editor = await Editor.start({
  files: { 'shelf.py': CODE },
  settings: { 'codelsp.threshold': 0, 'editor.fontSize': 15, 'editor.suggest.showWords': false, 'breadcrumbs.enabled': false, 'workbench.colorTheme': 'Default Light Modern' },
});

let before;

/** Add what the page shows now; what has not changed is left as it was, which saves most of the bytes. */
async function frame(window, delay) {
  const { data, width, height } = PNG.sync.read(await window.page.screenshot({ clip: SHOWN }));
  const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const palette = quantize(data, 48);
  const indexed = applyPalette(data, palette);
  const transparentIndex = palette.push([0, 0, 0]) - 1;
  if (before) {
    indexed.forEach((_, at) => {
      if (pixels[at] === before[at]) {
        indexed[at] = transparentIndex;
      }
    });
  }
  gif.writeFrame(indexed, width, height, { palette, delay, transparent: Boolean(before), transparentIndex, dispose: 1 });
  before = pixels;
}

async function type(window, text) {
  for (const letter of text) {
    await window.page.keyboard.type(letter);
    await window.page.waitForTimeout(350);
    await frame(window, 160);
  }
}

try {
  const window = await editor.window('shelf.py');
  await window.awaitStatus(/codelsp-/);
  await window.press('Control+End');
  await frame(window, 800);
  for (const begun of ['self.', 'def remove(self, b', 'self.books.r']) {
    if (begun.startsWith('def')) {
      await window.press('Shift+Tab'); // Out of the method's body.
    }
    await type(window, begun);
    await window.awaitGhost();
    await frame(window, 1200);
    await window.press('Tab');
    await window.awaitGhost((text) => text === '');
    await frame(window, 700);
    await window.press('Escape');
    await window.press('Enter');
    await frame(window, 200);
  }
} finally {
  await editor.stop();
}
gif.finish();
fs.writeFileSync(path.join(import.meta.dirname, 'media/typing.gif'), gif.bytes());
