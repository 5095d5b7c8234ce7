--- The keys in insert mode, each with what it did before as its other meaning.

local M = {}

--- Return a function that does what {key} does without us, as an `<expr>` mapping would.
---@return fun(): string
local function before_us(key)
  local mapping = vim.fn.maparg(key, 'i', false, true)
  if vim.tbl_isempty(mapping) or mapping.desc and vim.startswith(mapping.desc, 'codelsp: ') then
    return function()
      return key
    end
  end
  if mapping.callback then
    return function()
      local keys = mapping.callback()
      return mapping.expr == 1 and type(keys) == 'string' and keys or ''
    end
  end
  return function()
    local keys = mapping.expr == 1 and vim.api.nvim_eval(mapping.rhs) or mapping.rhs
    local codes = vim.api.nvim_replace_termcodes(keys, true, true, true)
    vim.api.nvim_feedkeys(codes, mapping.noremap == 1 and 'ni' or 'mi', false)
    return ''
  end
end

--- Map {keys}, from the names of our functions to what is to be pressed.
---@param keys table<string, string|false>
function M.map(keys)
  for action, key in pairs(keys) do
    if key then
      local otherwise = before_us(key)
      vim.keymap.set('i', key, function()
        return require('codelsp')[action]() and '' or otherwise()
      end, { expr = true, desc = 'codelsp: ' .. action:gsub('_', ' ') })
    end
  end
end

return M
