// Builds the page into the Python package, from where the wheel takes it along.

import fs from 'node:fs';
import path from 'node:path';

import { build } from 'esbuild';

const target = path.resolve(import.meta.dirname, '../codelsp/playground_assets');
fs.rmSync(target, { recursive: true, force: true });
const shared = { bundle: true, minify: true, legalComments: 'linked', target: 'es2022', loader: { '.ttf': 'file' } };

await build({
  ...shared,
  entryPoints: ['src/main.js'],
  outdir: target,
  format: 'esm',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
});
await build({
  ...shared,
  entryPoints: { 'editor.worker': 'node_modules/monaco-editor/esm/vs/editor/editor.worker.start.js' },
  outdir: target,
  format: 'iife',
});
for (const name of ['index.html', 'page.css']) {
  fs.copyFileSync(`src/${name}`, path.join(target, name));
}
fs.copyFileSync('node_modules/monaco-editor/LICENSE', path.join(target, 'monaco-editor.LICENSE.txt'));
