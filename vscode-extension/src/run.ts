/** Runs a program to its end. */

import { spawn } from 'node:child_process';

/** The exit code, -1 for a program that could not be started or was stopped; and all it has said. */
export type Ended = { code: number; output: string };
export type RunOptions = { onLine?: (line: string) => unknown; signal?: AbortSignal };
export type Run = (command: string[], options?: RunOptions) => Promise<Ended>;

export const run: Run = ([program, ...args], { onLine, signal } = {}) =>
  new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, { signal, windowsHide: true });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        text.split(/\r?\n/).filter((line) => line.trim()).forEach((line) => onLine?.(line.trim()));
      });
    }
    child.on('error', (error) => resolve({ code: -1, output: output + error.message }));
    child.on('close', (code) => resolve({ code: code ?? -1, output }));
  });
