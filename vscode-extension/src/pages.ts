/** Read-only pages: why the last suggestion was what it was, and the statistics. */

import { EventEmitter, TextDocumentContentProvider, Uri, window } from 'vscode';
import { LanguageClient } from 'vscode-languageclient/node';

export const SCHEME = 'codelsp';
export type Asked = Pick<LanguageClient, 'sendRequest'>;
type Explanation = { text: string; trace: unknown };
type Counts = Record<'offered' | 'accepted' | 'partially_accepted' | 'chars', number>;

/** Run a command of the server. */
export function ask<T>(client: Asked, command: string, argument?: unknown): Promise<T> {
  return client.sendRequest('workspace/executeCommand', { command, arguments: argument ? [argument] : [] });
}

export class Pages implements TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new EventEmitter<Uri>();
  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: Uri): string {
    return this.texts.get(uri.path) ?? '';
  }

  async showExplanation(client: Asked): Promise<void> {
    const { text, trace } = await ask<Explanation>(client, 'codelsp.explainLast');
    await this.show('Last suggestion', `${text}\n\n${JSON.stringify(trace, null, 2)}\n`);
  }

  async showStatistics(client: Asked): Promise<void> {
    const { languages, path } = await ask<{ languages: Record<string, Counts>; path: string }>(client, 'codelsp.statistics');
    const rows = Object.entries(languages).map(([name, counts]) =>
      [name, counts.offered, counts.accepted, counts.partially_accepted, counts.chars]);
    const table = [['language', 'offered', 'accepted', 'in part', 'characters'], ...rows];
    const lines = table.map((row) => row.map((cell) => String(cell).padEnd(14)).join('').trimEnd());
    await this.show('Statistics', `${lines.join('\n')}\n\nKept in ${path}, on this machine alone; delete the file to forget them.\n`);
  }

  private async show(title: string, text: string): Promise<void> {
    const uri = Uri.from({ scheme: SCHEME, path: `/${title}` });
    this.texts.set(uri.path, text);
    this.changed.fire(uri);
    await window.showTextDocument(uri, { preview: true });
  }
}
