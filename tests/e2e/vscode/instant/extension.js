// Answers every request for ghost text at once, with a text that is always new.

const vscode = require('vscode');

let count = 0;

exports.activate = () => vscode.languages.registerInlineCompletionItemProvider({ pattern: '**/instant.py' }, {
  provideInlineCompletionItems: (_document, position) => {
    count += 1;
    return [new vscode.InlineCompletionItem(`instant_${count}`, new vscode.Range(position, position))];
  },
});
