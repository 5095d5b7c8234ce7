/** The extension: finds or installs the server, starts it, and shows how it is. */

import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  commands, ConfigurationTarget, env, ExtensionContext, Position, ProgressLocation, TextEditorSelectionChangeEvent,
  Uri, window, workspace,
} from 'vscode';

import { CodelspClient, State } from './client';
import { install, installedCommand } from './installation';
import { Extent, Pauses, showMenu } from './menu';
import { chooseModel } from './models';
import { Pages, SCHEME } from './pages';
import { Action, LABELS, Problem, problem, serverProblem } from './problems';
import { run } from './run';
import { Kind, Status, StatusBar } from './status';

const REST_MS = 100;

let client: CodelspClient | undefined;
let resting: NodeJS.Timeout | undefined;

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel('codelsp', { log: true });
  const statusBar = new StatusBar();
  const pauses = new Pauses();
  const pages = new Pages();
  let status: Status = { kind: 'off' };

  const settings = () => workspace.getConfiguration('codelsp.server');
  const folder = () => settings().get('folder', '') || context.globalStorageUri.fsPath;
  const document = () => {
    const shown = window.activeTextEditor?.document;
    return shown?.uri.scheme === SCHEME ? undefined : shown;
  };
  const show = (newest: Status) => {
    status = newest;
    statusBar.show(status, pauses.isPausedIn(document()));
  };

  /** Start the server anew: the user's own, the private one, or one on the PATH. */
  async function start(): Promise<void> {
    await client?.end();
    client = undefined;
    if (!workspace.isTrusted) {
      return tell(problem('notTrusted'), 'off');
    }
    const { command, isPrivate } = server();
    if (!command) {
      return tell(problem('notInstalled'), 'off');
    }
    log.info(`starting ${command.join(' ')}`);
    const started = new CodelspClient([...command, ...settings().get<string[]>('args', [])], (end) => {
      log.error(`the server has ended with exit code ${end.code}: ${end.stderr}`);
      void tell(serverProblem({ ...end, isPrivate }));
    }, log);
    client = started;
    started.onNotification('codelsp/status', show);
    started.onDidChangeState(({ newState }) =>
      newState === State.Starting ? show({ kind: 'starting' }) : started.isRunning() && pauses.tellAll(started).then(look));
    await started.startOrTell();
  }

  function server(): { command: string[] | undefined; isPrivate: boolean } {
    const chosen = settings().get('path', '');
    const installed = chosen ? undefined : installedCommand(folder());
    const found = chosen || onPath('codelsp');
    return { command: installed ?? (found ? [found] : undefined), isPrivate: Boolean(installed) };
  }

  async function installServer(): Promise<void> {
    show({ kind: 'starting', message: 'The server is being installed.' });
    const stop = new AbortController();
    const shown = { location: ProgressLocation.Notification, title: 'codelsp', cancellable: true };
    const result = await window.withProgress(shown, (progress, token) => {
      token.onCancellationRequested(() => stop.abort());
      return install({
        folder: folder(),
        package: settings().get('package', '') || 'codelsp',
        python: settings().get('python', ''),
        proxy: workspace.getConfiguration('http').get('proxy', ''),
        report: (message) => [log.info(message), progress.report({ message: message.slice(0, 80) })],
        signal: stop.signal,
        run,
      });
    });
    await (result === 'cancelled' ? show({ kind: 'off', message: result }) : result ? tell(result) : start());
  }

  /** One message, with the buttons that help. */
  async function tell(trouble: Problem, kind: Kind = 'error'): Promise<void> {
    show({ kind, message: trouble.message });
    log.info(trouble.message);
    const showMessage = kind === 'error' ? window.showErrorMessage : window.showInformationMessage;
    const label = await showMessage(trouble.message, ...trouble.actions.map((action) => LABELS[action]));
    const action = trouble.actions.find((one) => LABELS[one] === label);
    await (action && actions[action](trouble));
  }

  /** Let the user choose a file or folder for a setting, and go on from there. */
  async function choose(setting: string, isFolder = false): Promise<void> {
    const chosen = await window.showOpenDialog({ canSelectFolders: isFolder, canSelectFiles: !isFolder });
    if (chosen) {
      await settings().update(setting, chosen[0].fsPath, ConfigurationTarget.Global);
      await (setting === 'path' ? undefined : installServer()); // A change of `path` starts the server anew.
    }
  }

  const actions: Record<Action, (trouble: Problem) => unknown> = {
    install: installServer,
    installAgain: installServer,
    tryAgain: installServer,
    getPython: () => env.openExternal(Uri.parse('https://www.python.org/downloads/')),
    choosePython: () => choose('python'),
    chooseServer: () => choose('path'),
    choosePackage: () => choose('package'),
    chooseFolder: () => choose('folder', true),
    copyCommand: ({ command = '' }) => env.clipboard.writeText(command),
    proxySettings: () => commands.executeCommand('workbench.action.openSettings', 'http.proxy'),
    manageTrust: () => commands.executeCommand('workbench.trust.manage'),
    restart: start,
    showLog: () => log.show(),
  };

  /** Say which document the user looks at: the engine is made ready, and its neighbors come first. */
  function look(): void {
    show(status);
    sayWhere(window.activeTextEditor?.selection.active);
  }

  /** Say where the user is; where the cursor rests, the model reads what the first key there will ask. */
  function sayWhere(position?: Position): void {
    const uri = document()?.uri.toString();
    if (uri && client?.isRunning()) {
      void client.sendNotification('textDocument/didFocus', { textDocument: { uri }, position });
    }
  }

  /** Wait until the cursor rests. */
  function moved({ textEditor, selections: [selection] }: TextEditorSelectionChangeEvent): void {
    clearTimeout(resting);
    if (textEditor === window.activeTextEditor && selection.isEmpty) {
      resting = setTimeout(() => sayWhere(selection.active), REST_MS);
    }
  }

  const menu = () => showMenu(pauses, document(), client?.isRunning() ?? false, status.message);
  const whenRunning = (act: (running: CodelspClient, argument: unknown) => Promise<unknown>) => (argument: unknown) =>
    client?.isRunning() ? act(client, argument) : menu();
  const handlers: Record<string, (argument: unknown) => unknown> = {
    trigger: () => commands.executeCommand('editor.action.inlineSuggest.trigger'),
    menu,
    togglePause: whenRunning((running, extent) => pauses.toggle(extent as Extent, running).then(look)),
    explain: whenRunning((running) => pages.showExplanation(running)),
    showStatistics: whenRunning((running) => pages.showStatistics(running)),
    chooseModel: whenRunning(() => chooseModel(server().command ?? [])),
    showLog: () => log.show(),
    restart: start,
    install: installServer,
  };
  context.subscriptions.push(
    log,
    statusBar.item,
    workspace.registerTextDocumentContentProvider(SCHEME, pages),
    workspace.onDidGrantWorkspaceTrust(start),
    workspace.onDidChangeConfiguration((change) =>
      ['path', 'args'].some((key) => change.affectsConfiguration(`codelsp.server.${key}`)) && start()),
    window.onDidChangeActiveTextEditor(look),
    window.onDidChangeTextEditorSelection(moved),
    ...Object.entries(handlers).map(([name, handler]) => commands.registerCommand(`codelsp.${name}`, handler)),
  );
  // Not awaited: a question that stays open must not keep the extension from being active.
  void start();
}

export const deactivate = () => {
  clearTimeout(resting);
  return client?.end();
};

function onPath(program: string): string | undefined {
  const name = process.platform === 'win32' ? `${program}.exe` : program;
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(path.isAbsolute);
  return folders.map((one) => path.join(one, name)).find((file) => fs.existsSync(file));
}
