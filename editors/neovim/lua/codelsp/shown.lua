--- What was offered in each buffer, and which of it is shown: the same, whoever draws it.

local edit = require('codelsp.edit')

local M = {}

---@class codelsp.Shown
---@field edits codelsp.Edit[] the candidates of the last answer
---@field index integer which of them is shown
local states = {} ---@type table<integer, codelsp.Shown>

--- Watch a buffer, from now on with nothing shown.
function M.begin(bufnr)
  states[bufnr] = { edits = {}, index = 1 }
end

--- What is known of a buffer, or nil where it is not watched.
---@return codelsp.Shown?
function M.of(bufnr)
  return states[bufnr]
end

--- The shown candidate of a buffer.
---@return codelsp.Edit?
function M.current(bufnr)
  local state = states[bufnr]
  return state and state.edits[state.index]
end

--- What is still to come of the shown candidate, or nil; and what it replaces.
---@return string?, string
function M.rest(bufnr)
  local shown = M.current(bufnr)
  if not shown or bufnr ~= vim.api.nvim_get_current_buf() then
    return nil, ''
  end
  return edit.rest(shown, vim.api.nvim_win_get_cursor(0), vim.api.nvim_get_current_line())
end

--- Let go of all candidates.
function M.forget(bufnr)
  if states[bufnr] then
    states[bufnr].edits = {}
  end
end

--- Show another candidate: with {draw}; where there is but one, {ask} for more first.
---@param count integer
---@param ask fun(then_: fun())
---@param draw fun(state: codelsp.Shown)
---@return boolean whether the buffer is watched
function M.cycle(bufnr, count, ask, draw)
  local state = states[bufnr]
  if not state then
    return false
  end
  local function turn()
    if #state.edits > 0 then
      state.index = (state.index - 1 + count) % #state.edits + 1
      draw(state)
    end
  end
  if #state.edits > 1 then
    turn()
  else
    ask(turn)
  end
  return true
end

return M
