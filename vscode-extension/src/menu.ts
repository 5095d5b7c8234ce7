/** What a click on the status bar item offers, and where codelsp is paused in this window. */

import { commands, QuickPickItem, QuickPickItemKind, TextDocument, window } from 'vscode';

import { ask, Asked } from './pages';

/** A language, a file, or everywhere. */
export type Extent = { language: string } | { uri: string } | undefined;
type Entry = QuickPickItem & { command?: string; argument?: unknown };

const ALWAYS: Entry[] = [
  { label: '$(output) Show Log', command: 'codelsp.showLog' },
  { label: '$(debug-restart) Restart', command: 'codelsp.restart' },
  { label: '$(cloud-download) Install or Update the Server', command: 'codelsp.install' },
  { label: '$(gear) Settings', command: 'workbench.action.openSettings', argument: 'codelsp.' },
];
const WHEN_RUNNING: Entry[] = [
  { label: '$(question) Why This Suggestion, or None?', command: 'codelsp.explain' },
  { label: '$(graph) Statistics', command: 'codelsp.showStatistics' },
  { label: '$(symbol-misc) Choose a Model…', command: 'codelsp.chooseModel' },
  { label: '', kind: QuickPickItemKind.Separator },
];

export class Pauses {
  private readonly extents = new Map<string, Extent>();

  has(extent: Extent): boolean {
    return this.extents.has(JSON.stringify(extent ?? ''));
  }

  isPausedIn(document: TextDocument | undefined): boolean {
    return extentsOf(document).some(([, extent]) => this.has(extent));
  }

  async toggle(extent: Extent, client: Asked): Promise<void> {
    const key = JSON.stringify(extent ?? '');
    const wasPaused = this.extents.delete(key);
    wasPaused || this.extents.set(key, extent);
    await ask(client, wasPaused ? 'codelsp.resume' : 'codelsp.pause', extent);
  }

  /** Tell a server that has just been started what its predecessor knew. */
  async tellAll(client: Asked): Promise<void> {
    await Promise.all([...this.extents.values()].map((extent) => ask(client, 'codelsp.pause', extent)));
  }
}

/** Show the menu and do what is chosen; without a server there is less to choose from. */
export async function showMenu(pauses: Pauses, document: TextDocument | undefined, isRunning: boolean, why = ''): Promise<void> {
  const toggles: Entry[] = extentsOf(document).map(([where, argument]) => ({
    label: pauses.has(argument) ? `$(debug-start) Resume ${where}` : `$(debug-pause) Pause ${where}`,
    command: 'codelsp.togglePause',
    argument,
  }));
  const entries = isRunning ? [...toggles, ...WHEN_RUNNING, ...ALWAYS] : ALWAYS;
  const chosen = await window.showQuickPick(entries, { title: 'codelsp', placeHolder: why });
  await (chosen?.command && commands.executeCommand(chosen.command, chosen.argument));
}

function extentsOf(document: TextDocument | undefined): [string, Extent][] {
  const [uri, language] = [document?.uri.toString() ?? '', document?.languageId ?? ''];
  const here: [string, Extent][] = [['in This File', { uri }], [`for ${language}`, { language }]];
  return [...(document ? here : []), ['Everywhere in This Window', undefined]];
}
