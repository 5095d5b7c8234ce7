/** Choosing the model: one of the store, a file, or the way to more of them. */

import { ConfigurationTarget, QuickPickItem, window, workspace } from 'vscode';

import { run } from './run';

type Choice = QuickPickItem & { model?: string };
type Model = { name: string; path: string; bytes: number | null; is_embedded: boolean };
const FILE: Choice = { label: '$(folder-opened) A GGUF File…' };
const MORE: Choice = { label: '$(cloud-download) Which Bigger Models Suit This Machine?' };

export async function chooseModel(command: string[]): Promise<void> {
  const { code, output } = await run([...command, 'models', 'list', '--json']);
  const models: Model[] = code === 0 ? JSON.parse(output) : [];
  const settings = workspace.getConfiguration('codelsp');
  const current = settings.get('model', '');
  const choices = models.map(({ name, path, bytes, is_embedded: isEmbedded }): Choice => ({
    label: `$(${current === (isEmbedded ? '' : name) ? 'check' : 'blank'}) ${name}`,
    description: bytes ? `${(bytes / 1e6).toFixed(0)} MB` : '',
    detail: isEmbedded ? 'Part of codelsp' : path,
    model: isEmbedded ? '' : name,
  }));
  const chosen = await window.showQuickPick([...choices, FILE, MORE], { title: 'Model for codelsp' });
  if (chosen === MORE) {
    const [shellPath, ...shellArgs] = [...command, 'models', 'recommend'];
    window.createTerminal({ name: 'codelsp models', shellPath, shellArgs }).show();
  }
  const files = chosen === FILE ? await window.showOpenDialog({ filters: { GGUF: ['gguf'] } }) : undefined;
  const model = files?.[0].fsPath ?? chosen?.model;
  if (model !== undefined) {
    await settings.update('model', model, ConfigurationTarget.Global);
  }
}
