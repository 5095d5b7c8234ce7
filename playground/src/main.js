// An editor whose ghost text comes from `codelsp --ws`, and the reasons for it beside the code.

import * as monaco from 'monaco-editor/editor/editor.api.js';
import 'monaco-editor/features/register.all.js';
import 'monaco-editor/languages/definitions/cpp/register.js';
import 'monaco-editor/languages/definitions/csharp/register.js';
import 'monaco-editor/languages/definitions/css/register.js';
import 'monaco-editor/languages/definitions/go/register.js';
import 'monaco-editor/languages/definitions/html/register.js';
import 'monaco-editor/languages/definitions/java/register.js';
import 'monaco-editor/languages/definitions/javascript/register.js';
import 'monaco-editor/languages/definitions/kotlin/register.js';
import 'monaco-editor/languages/definitions/lua/register.js';
import 'monaco-editor/languages/definitions/markdown/register.js';
import 'monaco-editor/languages/definitions/php/register.js';
import 'monaco-editor/languages/definitions/python/register.js';
import 'monaco-editor/languages/definitions/ruby/register.js';
import 'monaco-editor/languages/definitions/rust/register.js';
import 'monaco-editor/languages/definitions/shell/register.js';
import 'monaco-editor/languages/definitions/sql/register.js';
import 'monaco-editor/languages/definitions/swift/register.js';
import 'monaco-editor/languages/definitions/typescript/register.js';
import 'monaco-editor/languages/definitions/yaml/register.js';

import { Connection } from './connection.js';
import { showStatus, showTrace } from './why.js';

const AUTOMATIC = 2;
const INVOKED = 1;
const token = location.hash.slice(1);

self.MonacoEnvironment = { getWorker: () => new Worker('editor.worker.js') };

function toLsp({ startLineNumber, startColumn, endLineNumber, endColumn }) {
  return {
    start: { line: startLineNumber - 1, character: startColumn - 1 },
    end: { line: endLineNumber - 1, character: endColumn - 1 },
  };
}

function toMonaco({ start, end }) {
  return new monaco.Range(start.line + 1, start.character + 1, end.line + 1, end.character + 1);
}

async function begin() {
  const reply = await fetch(`/document?token=${encodeURIComponent(token)}`);
  if (!reply.ok) {
    showStatus('Open the address that `codelsp playground` has printed: this one lacks its token.');
    return;
  }
  const { uri, languageId, text } = await reply.json();
  const connection = await Connection.open(token);
  connection.onClose = () => showStatus('The playground has ended.');
  let whenReady = () => {};
  connection.onNotification = (method, params) => {
    if (method === 'codelsp/status') {
      showStatus(statusText(params));
      if (params.kind === 'ready') {
        whenReady();
        whenReady = () => {};
      }
    }
  };
  await connection.ask('initialize', {
    processId: null,
    clientInfo: { name: 'codelsp playground' },
    capabilities: { general: { positionEncodings: ['utf-16'] }, textDocument: { inlineCompletion: {} } },
  });
  connection.notify('initialized', {});
  connection.notify('textDocument/didOpen', { textDocument: { uri, languageId, version: 1, text } });
  const ask = edit(connection, uri, languageId, text);
  // Before, the answer is that the model is being loaded.
  whenReady = ask;
}

function statusText({ kind, message, model, tokensPerSecond }) {
  return [kind, model, tokensPerSecond && `${tokensPerSecond} tokens/s`, message].filter(Boolean).join(' · ');
}

function edit(connection, uri, languageId, text) {
  const model = monaco.editor.createModel(text, languageId, monaco.Uri.parse(uri));
  model.setEOL(monaco.editor.EndOfLineSequence.LF);
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const editor = monaco.editor.create(document.getElementById('editor'), {
    model,
    theme: isDark ? 'vs-dark' : 'vs',
    automaticLayout: true,
    fontSize: 14,
    minimap: { enabled: false },
    inlineSuggest: { enabled: true },
    wordBasedSuggestions: 'off',
    quickSuggestions: false,
  });

  model.onDidChangeContent(({ changes, versionId }) => connection.notify('textDocument/didChange', {
    textDocument: { uri, version: versionId },
    contentChanges: changes.map((change) => ({ range: toLsp(change.range), text: change.text })),
  }));

  monaco.languages.registerInlineCompletionsProvider('*', {
    async provideInlineCompletions(_model, position, context, cancellation) {
      const isAsked = context.triggerKind === monaco.languages.InlineCompletionTriggerKind.Explicit;
      const result = await connection.ask('textDocument/inlineCompletion', {
        textDocument: { uri },
        position: { line: position.lineNumber - 1, character: position.column - 1 },
        context: { triggerKind: isAsked ? INVOKED : AUTOMATIC },
      }, (id) => cancellation.onCancellationRequested(() => connection.notify('$/cancelRequest', { id })));
      if (result !== null) {
        const command = { command: 'codelsp.explainLast', arguments: [] };
        connection.ask('workspace/executeCommand', command).then((explained) => showTrace(explained?.trace));
      }
      const items = (result?.items ?? []).map((item) => ({ insertText: item.insertText, range: toMonaco(item.range) }));
      return { items, enableForwardStability: true };
    },
    disposeInlineCompletions() {},
  });

  const ask = () => {
    editor.focus();
    editor.trigger('page', 'editor.action.inlineSuggest.trigger', {});
  };
  editor.addCommand(monaco.KeyMod.Alt | monaco.KeyCode.Backslash, ask);
  document.getElementById('ask').addEventListener('click', ask);
  editor.setPosition(model.getFullModelRange().getEndPosition());
  editor.focus();
  return ask;
}

begin().catch((error) => showStatus(String(error)));
