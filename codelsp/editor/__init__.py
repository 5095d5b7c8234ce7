"""The editor's side: the only room that speaks LSP."""
