--- Ghost text drawn by ourselves, from `codelsp/ghostText`: for Neovim 0.10 and 0.11.
---
--- It asks at once after each key, because the server knows better when to wait.

local client_of = require('codelsp.client')
local edit = require('codelsp.edit')
local shown = require('codelsp.shown')

local M = { rest = shown.rest }

local AUTOMATIC, INVOKED = 2, 1
local namespace = vim.api.nvim_create_namespace('codelsp')

---@class codelsp.Drawn: codelsp.Shown
---@field request? integer
---@field asked? string where and of which text was asked last
---@field shows_count? boolean

local function is_inserting()
  return vim.api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

local function clear(bufnr)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

local function forget(bufnr)
  clear(bufnr)
  shown.forget(bufnr)
end

local function mark(bufnr, row, column, options)
  options.hl_mode = 'combine'
  vim.api.nvim_buf_set_extmark(bufnr, namespace, row, column, options)
end

--- Draw the first line: around what is covered where the text holds that, else over it.
local function draw_first_line(bufnr, row, column, text, covered)
  local pieces = edit.pieces(text, covered)
  if pieces then
    for _, piece in ipairs(pieces) do
      mark(bufnr, row, column + piece.offset, {
        virt_text = { { piece.text, 'CodelspGhostText' } },
        virt_text_pos = 'inline',
      })
    end
  else
    local blank = (' '):rep(vim.fn.strdisplaywidth(covered) - vim.fn.strdisplaywidth(text))
    mark(bufnr, row, column, {
      virt_text = { { text .. blank, 'CodelspGhostText' } },
      virt_text_pos = 'overlay',
    })
  end
end

--- Draw what is still to come, or nothing.
local function draw(bufnr)
  clear(bufnr)
  local rest, covered = M.rest(bufnr)
  if not rest or not is_inserting() then
    return
  end
  local state = shown.of(bufnr)
  local cursor = vim.api.nvim_win_get_cursor(0)
  local lines = vim.split(rest, '\n', { plain = true })
  draw_first_line(bufnr, cursor[1] - 1, cursor[2], lines[1], covered)
  local below = {}
  for number = 2, #lines do
    below[#below + 1] = { { lines[number], 'CodelspGhostText' } }
  end
  if #state.edits > 1 and state.shows_count then
    local count = { (' (%d/%d)'):format(state.index, #state.edits), 'CodelspGhostTextCount' }
    below[#below + 1] = #below == 0 and { count } or nil
    if #lines > 1 then
      table.insert(below[#below], count)
    end
  end
  if #below > 0 then
    mark(bufnr, cursor[1] - 1, cursor[2], { virt_lines = below })
  end
end

local function take(bufnr, client, items, kind)
  local state = shown.of(bufnr)
  local cursor = vim.api.nvim_win_get_cursor(0)
  local line = vim.api.nvim_get_current_line()
  local edits = {}
  for _, item in ipairs(items) do
    local one = edit.of(item, client.offset_encoding, cursor, line)
    if one and edit.rest(one, cursor, line) then
      edits[#edits + 1] = one
    end
  end
  state.edits, state.index, state.shows_count = edits, 1, kind == INVOKED
  draw(bufnr)
end

---@param then_? fun()
local function ask(bufnr, kind, then_)
  local client, state = client_of.of(bufnr), shown.of(bufnr)
  if not client or not state then
    return
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  local tick = vim.api.nvim_buf_get_changedtick(bufnr)
  local cursor = vim.api.nvim_win_get_cursor(0)
  local id
  id = client_of.request(client, 'codelsp/ghostText', params, function(error, items)
    local is_newest = state.request == id
    if is_newest then
      state.request = nil
    end
    -- null means overtaken: what is shown stays.
    if error or not items or items == vim.NIL or not vim.api.nvim_buf_is_valid(bufnr) then
      return
    end
    local is_there = bufnr == vim.api.nvim_get_current_buf()
      and is_inserting()
      and tick == vim.api.nvim_buf_get_changedtick(bufnr)
      and vim.deep_equal(cursor, vim.api.nvim_win_get_cursor(0))
    if is_there and (is_newest or id == nil) then
      take(bufnr, client, items, kind)
      if then_ then
        then_()
      end
    end
  end, bufnr)
  state.request = id
end

--- Something was typed or moved: keep what still fits, and ask, once for each place and text.
local function changed(bufnr)
  local state = shown.of(bufnr)
  if not state then
    return
  end
  local cursor = vim.api.nvim_win_get_cursor(0)
  local place = ('%d %d %d'):format(
    cursor[1],
    cursor[2],
    vim.api.nvim_buf_get_changedtick(bufnr)
  )
  if place == state.asked then
    return
  end
  state.asked = place
  if M.rest(bufnr) then
    draw(bufnr)
  else
    forget(bufnr)
  end
  -- Once the editor has done all that belongs to this key.
  vim.schedule(function()
    if state.asked == place and bufnr == vim.api.nvim_get_current_buf() and is_inserting() then
      ask(bufnr, AUTOMATIC)
    end
  end)
end

--- Take the ghost text away, and what may still be on its way.
function M.dismiss(bufnr)
  local state, client = shown.of(bufnr), client_of.of(bufnr)
  if state and state.request and client then
    client_of.notify(client, '$/cancelRequest', { id = state.request })
    state.request = nil
  end
  forget(bufnr)
end

local function left(bufnr)
  local state = shown.of(bufnr)
  if state then
    state.asked = nil
  end
  M.dismiss(bufnr)
end

--- Define the colours; a colour scheme may bring its own.
function M.setup()
  local base = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'NonText'
  vim.api.nvim_set_hl(0, 'CodelspGhostText', { link = base, default = true })
  vim.api.nvim_set_hl(0, 'CodelspGhostTextCount', { link = 'Comment', default = true })
end

--- Watch a buffer.
function M.attach(_, bufnr)
  shown.begin(bufnr)
  local group = vim.api.nvim_create_augroup('codelsp.drawn:' .. bufnr, { clear = true })
  vim.api.nvim_create_autocmd({ 'InsertEnter', 'TextChangedI', 'TextChangedP', 'CursorMovedI' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      changed(bufnr)
    end,
  })
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'BufLeave' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      left(bufnr)
    end,
  })
  if is_inserting() and bufnr == vim.api.nvim_get_current_buf() then
    changed(bufnr)
  end
end

--- Insert the shown candidate, or the part of it that {part_of} takes.
function M.accept(bufnr, part_of)
  local client, one = client_of.of(bufnr), shown.current(bufnr)
  local rest = M.rest(bufnr)
  if not client or not one or not rest then
    return
  end
  local part = part_of and part_of(rest) or rest
  local accepted = edit.insert(bufnr, one, part)
  if part == rest then
    forget(bufnr)
    client_of.tell_accepted(client, one)
  else
    local state = shown.of(bufnr)
    state.edits, state.index = { one }, 1
    draw(bufnr)
    client_of.tell_accepted(client, one, accepted)
  end
end

--- Show another candidate; where there is but one, ask for more first.
function M.cycle(bufnr, count)
  return shown.cycle(bufnr, count, function(turn)
    ask(bufnr, INVOKED, turn)
  end, function(state)
    state.shows_count = true
    draw(bufnr)
  end)
end

--- Ask for candidates now.
function M.trigger(bufnr)
  if not shown.of(bufnr) then
    return false
  end
  ask(bufnr, INVOKED)
  return true
end

--- The server of a buffer has ended.
M.detach = forget

return M
