/** The language client, and the server process at its other end. */

import { ChildProcess, spawn } from 'node:child_process';
import { env, LogOutputChannel } from 'vscode';
import { CloseAction, ErrorAction, InitializeParams, LanguageClient } from 'vscode-languageclient/node';

export { State } from 'vscode-languageclient/node';

/** How a server has ended: the exit code is null if it could not be started at all. */
export type ServerEnd = { code: number | null; stderr: string };

const SCHEMES = ['file', 'untitled', 'vscode-remote', 'vscode-vfs', 'vscode-userdata'];
const CRASHES_FORGIVEN = 4;
const FORGIVEN_FOR_MS = 180_000;
const TOO_SOON_MS = 3_000;

/** A client whose troubles are told by `onFailure`, once, and not by message boxes of its own. */
export class CodelspClient extends LanguageClient {
  private child: ChildProcess | undefined;
  private exited: Promise<unknown> | undefined;
  private stderr = '';
  private startedAt = 0;
  private crashes: number[] = [];
  private hasEnded = false;

  constructor(
    private readonly command: string[],
    private readonly onFailure: (end: ServerEnd) => void,
    log: LogOutputChannel,
  ) {
    super('codelsp', 'codelsp', () => this.spawned(), {
      documentSelector: [...SCHEMES.map((scheme) => ({ scheme })), { notebook: '*' }],
      synchronize: { configurationSection: 'codelsp' },
      outputChannel: log,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: async () => ({ action: await this.afterEnd(), handled: true }),
      },
    });
  }

  /** Start; that a server cannot be started is told to `onFailure`. */
  async startOrTell(): Promise<void> {
    await this.start().catch(async (error) => {
      const wasSpawned = this.child?.pid !== undefined;
      this.child?.kill(); // Whatever it is that goes on there, it is no server.
      await (wasSpawned && this.exited);
      this.fail({ code: wasSpawned ? (this.child?.exitCode ?? -1) : null, stderr: String(error) });
    });
  }

  /** Stop, whatever state the server is in. */
  async end(): Promise<void> {
    this.hasEnded = true;
    await this.dispose(2_000).catch(() => this.child?.kill());
  }

  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  protected override fillInitializeParams(params: InitializeParams): void {
    super.fillInitializeParams(params);
    // Every VS Code behaves alike, whatever its makers call it; codelsp knows them by this name.
    params.clientInfo = { name: `Visual Studio Code (${env.appName})`, version: params.clientInfo?.version };
  }

  private spawned(): Promise<ChildProcess> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.command[0], [...this.command.slice(1), '--stdio'], { windowsHide: true });
      [this.child, this.stderr, this.startedAt] = [child, '', Date.now()];
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.stderr = (this.stderr + text).slice(-4_000);
      });
      this.exited = new Promise((exit) => child.once('exit', exit));
      child.once('error', reject).once('spawn', () => resolve(child));
    });
  }

  /** What to do now that the server has gone unasked. */
  private async afterEnd(): Promise<CloseAction> {
    await this.exited; // A process's output ends a little earlier than it does.
    const code = this.child?.exitCode ?? -1;
    const now = Date.now();
    this.crashes = [...this.crashes.filter((at) => now - at < FORGIVEN_FOR_MS), now];
    const isTooSoon = now - this.startedAt < TOO_SOON_MS && this.crashes.length === 1;
    if (this.hasEnded || isTooSoon || this.crashes.length > CRASHES_FORGIVEN) {
      this.fail({ code, stderr: this.stderr });
      return CloseAction.DoNotRestart;
    }
    this.warn(`the server has ended with exit code ${code} and is started again`);
    return CloseAction.Restart;
  }

  private fail(end: ServerEnd): void {
    if (!this.hasEnded) {
      this.hasEnded = true;
      this.onFailure({ ...end, stderr: this.stderr || end.stderr });
    }
  }
}

