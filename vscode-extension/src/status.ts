/** The status bar item: what codelsp is doing, and the way to its menu. */

import { StatusBarAlignment, ThemeColor, window } from 'vscode';

/** The params of `codelsp/status`, and what the extension itself knows. */
export type Status = { kind: Kind; message?: string; model?: string; tokensPerSecond?: number | null };
export type Kind = keyof typeof ICONS;

const WORKING = { busy: 'loading~spin', ready: 'sparkle' };
const ICONS = { ...WORKING, starting: 'loading~spin', paused: 'debug-pause', error: 'warning', off: 'circle-slash' };

export class StatusBar {
  readonly item = window.createStatusBarItem('codelsp', StatusBarAlignment.Right, 100);

  constructor() {
    Object.assign(this.item, { name: 'codelsp', command: 'codelsp.menu' });
    this.item.show();
  }

  show({ kind, message = '', model = '', tokensPerSecond }: Status, isPausedHere: boolean): void {
    const shown = isPausedHere && kind !== 'error' ? 'paused' : kind;
    const isWorking = shown in WORKING;
    const speed = tokensPerSecond ? ` ${tokensPerSecond} t/s` : '';
    const words = isWorking ? `${model || 'codelsp'}${speed}` : `codelsp: ${shown === 'starting' ? 'loading' : shown}`;
    this.item.text = `$(${ICONS[shown]}) ${words}`;
    this.item.tooltip = [isWorking ? `codelsp: ${shown}` : words, model, message].filter(Boolean).join('\n');
    this.item.backgroundColor = kind === 'error' ? new ThemeColor('statusBarItem.warningBackground') : undefined;
    this.item.accessibilityInformation = { label: `${words} ${message}` };
  }
}
