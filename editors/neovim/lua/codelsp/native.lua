--- Ghost text drawn by Neovim 0.12 itself, through `vim.lsp.inline_completion`.
---
--- That asks 200 ms after the last key, and then draws; but it accepts the whole text at the place
--- where the answer was made, even if the user has typed a part of it since, and it never asks for
--- more than one candidate.  So the answers are looked at on their way: what is shown is known here,
--- and accepting it is ours.

local client_of = require('codelsp.client')
local edit = require('codelsp.edit')
local shown = require('codelsp.shown')

local M = { rest = shown.rest }

local METHOD = 'textDocument/inlineCompletion'
local INVOKED = 1
local drawn = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')

---@class codelsp.Native: codelsp.Shown
---@field invoked? boolean the next request is an explicit one
---@field then_? fun() what to do with its answer

--- Note what an answer brings, before Neovim takes it.
local function take(bufnr, client, result)
  local state = shown.of(bufnr)
  local cursor, line = vim.api.nvim_win_get_cursor(0), vim.api.nvim_get_current_line()
  local edits = {}
  for _, item in ipairs(result.items or result) do
    local id = vim.tbl_get(item, 'command', 'arguments', 1)
    local known = { id = id, text = item.insertText, range = item.range, command = item.command }
    local one = edit.of(known, client.offset_encoding, cursor, line)
    -- In their order, because they are counted along with Neovim's.
    edits[#edits + 1] = one or { row = -1 }
  end
  state.edits, state.index = edits, 1
end

--- Look at the requests that Neovim makes of {client}, and at what comes back.
local function watch(client)
  local request = client.request
  client.request = function(self, method, params, handler, bufnr)
    local state = method == METHOD and bufnr and handler and shown.of(bufnr)
    if not state then
      return request(self, method, params, handler, bufnr)
    end
    local then_
    if state.invoked then
      params.context.triggerKind = INVOKED
      state.invoked, then_, state.then_ = nil, state.then_, nil
    end
    return request(self, method, params, function(error, result, ...)
      local is_taken = not error and result and vim.startswith(vim.api.nvim_get_mode().mode, 'i')
      if is_taken and bufnr == vim.api.nvim_get_current_buf() then
        take(bufnr, client, result)
      end
      handler(error, result, ...)
      if is_taken and then_ then
        then_()
      end
    end, bufnr)
  end
end

--- Nothing is to be prepared: Neovim draws.
function M.setup() end

local watched = {} ---@type table<integer, true> ids of clients

--- Watch a buffer.
function M.attach(client, bufnr)
  if not watched[client.id] then
    watched[client.id] = true
    watch(client)
  end
  shown.begin(bufnr)
  vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
  local group = vim.api.nvim_create_augroup('codelsp.native:' .. bufnr, { clear = true })
  vim.api.nvim_create_autocmd({ 'CursorMovedI', 'TextChangedI', 'TextChangedP' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      if shown.current(bufnr) and not M.rest(bufnr) then
        -- Something else was typed; Neovim would show the old text until the next answer.
        vim.api.nvim_buf_clear_namespace(bufnr, drawn, 0, -1)
      end
    end,
  })
  vim.api.nvim_create_autocmd('InsertLeave', {
    group = group,
    buffer = bufnr,
    callback = function()
      shown.forget(bufnr)
    end,
  })
  vim.schedule(function()
    local is_here = bufnr == vim.api.nvim_get_current_buf()
    if is_here and vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
      -- A server that has just come, while someone types.
      vim.api.nvim_exec_autocmds('CursorMovedI', { buffer = bufnr, modeline = false })
    end
  end)
end

--- Insert the shown candidate, or the part of it that {part_of} takes.
function M.accept(bufnr, part_of)
  local client, one = client_of.of(bufnr), shown.current(bufnr)
  local rest = M.rest(bufnr)
  if not client or not one or not rest then
    return
  end
  local part = part_of and part_of(rest) or rest
  local is_whole = part == rest
  if not is_whole and not part:find('\n', 1, true) then
    -- Neovim goes on showing the rest: to it, a part was typed.
    client_of.tell_accepted(client, one, edit.insert(bufnr, one, part))
    return
  end
  shown.forget(bufnr)
  vim.lsp.inline_completion.get({
    bufnr = bufnr,
    on_accept = function()
      -- Neovim has let go of its item, and of its next request; here is the one that follows.
      if vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
        vim.api.nvim_exec_autocmds('CursorMovedI', { buffer = bufnr, modeline = false })
      end
    end,
  })
  vim.api.nvim_buf_clear_namespace(bufnr, drawn, 0, -1)
  -- Now, not when Neovim comes to it: the next key may be <Esc>.
  local accepted = edit.insert(bufnr, one, part)
  client_of.tell_accepted(client, one, not is_whole and accepted or nil)
end

--- Ask as after a key, but for several candidates.
local function ask(bufnr, then_)
  local state = shown.of(bufnr)
  state.invoked, state.then_ = true, then_
  vim.api.nvim_exec_autocmds('CursorMovedI', { buffer = bufnr, modeline = false })
end

--- Show another candidate; where there is but one, ask for more first.
function M.cycle(bufnr, count)
  return shown.cycle(bufnr, count, function(turn)
    ask(bufnr, turn)
  end, function()
    vim.lsp.inline_completion.select({ bufnr = bufnr, count = count })
  end)
end

--- Ask for candidates now.
function M.trigger(bufnr)
  if not shown.of(bufnr) then
    return false
  end
  ask(bufnr)
  return true
end

--- Take the ghost text away: accepting it, and then not doing so, is how Neovim can be told.
function M.dismiss(bufnr)
  vim.lsp.inline_completion.get({ bufnr = bufnr, on_accept = function() end })
  vim.api.nvim_buf_clear_namespace(bufnr, drawn, 0, -1)
  shown.forget(bufnr)
end

--- The server of a buffer has ended.
function M.detach(bufnr)
  shown.forget(bufnr)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, drawn, 0, -1)
  end
end

return M
