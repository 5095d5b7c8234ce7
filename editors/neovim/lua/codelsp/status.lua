--- What the server said last of itself.

local M = {}

local by_client = {} ---@type table<integer, table>

--- Take in `codelsp/status`.
function M.take(client_id, params)
  by_client[client_id] = params
  M.changed()
end

--- Forget a server that has ended.
function M.forget(client_id)
  by_client[client_id] = nil
  M.changed()
end

--- Let status lines know.
function M.changed()
  vim.api.nvim_exec_autocmds('User', { pattern = 'CodelspStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

--- Return the last status for a buffer: `kind`, `message`, `model`, `tokensPerSecond`, `busy`.
---@return table?
function M.of(bufnr)
  local client = require('codelsp.client').of(bufnr)
  return client and by_client[client.id] or nil
end

local WORDS = { starting = 'loading', paused = 'paused', error = 'error', busy = '…' }

--- Return a few words for a status line.
---@return string
function M.line(bufnr)
  if not require('codelsp.client').of(bufnr) then
    return ''
  end
  local status = M.of(bufnr)
  if not status then
    return 'codelsp'
  end
  local word = WORDS[status.kind]
  local speed = tonumber(status.tokensPerSecond)
  if not word and speed and speed > 0 then
    word = ('%d tok/s'):format(speed + 0.5)
  end
  return word and 'codelsp ' .. word or 'codelsp'
end

return M
