--- Ghost text from codelsp: what a user's configuration calls.
---
--- Two ways of showing it, behind one interface: `codelsp.native` leaves drawing to Neovim's own
--- `vim.lsp.inline_completion`, `codelsp.drawn` draws by itself where that does not exist.

local M = {}

---@class codelsp.Options
local defaults = {
  --- How the server is started.
  cmd = { 'codelsp', '--stdio' },
  --- Settings of the server, as in |codelsp-settings|.
  settings = {},
  --- Who draws: 'native' (Neovim 0.12), 'drawn' (any), 'auto'.
  ghost_text = 'auto',
  --- Filetypes to attach to; nil means all.
  filetypes = nil,
  --- Filetypes never to attach to.
  disabled_filetypes = { 'gitcommit', 'gitrebase', 'help', 'TelescopePrompt', 'oil' },
  --- What marks the root of a project.
  root_markers = { '.git', 'pyproject.toml', 'package.json', 'Cargo.toml', 'go.mod' },
  --- Keys in insert mode; false leaves one out, `keys = false` all.
  keys = {
    accept = '<Tab>',
    accept_word = '<M-Right>',
    accept_line = '<M-C-Right>',
    next = '<M-]>',
    previous = '<M-[>',
    dismiss = '<C-]>',
    trigger = '<M-\\>',
  },
}

M.options = nil ---@type codelsp.Options?

--- Whether Neovim itself can draw inline completions.
local function has_native()
  return vim.lsp.inline_completion ~= nil
end

local function checked(options)
  for name in pairs(options) do
    if defaults[name] == nil and name ~= 'filetypes' then
      local known = vim.tbl_keys(defaults)
      table.sort(known)
      error(('codelsp: no option "%s"; there are %s'):format(name, table.concat(known, ', ')), 3)
    end
  end
  local ways = { auto = true, native = true, drawn = true }
  if options.ghost_text and not ways[options.ghost_text] then
    error('codelsp: ghost_text is "auto", "native" or "drawn"', 3)
  end
  if options.ghost_text == 'native' and not has_native() then
    error('codelsp: Neovim draws inline completions from 0.12 on; take ghost_text = "drawn"', 3)
  end
  if type(options.cmd) == 'string' then
    options.cmd = { options.cmd, '--stdio' }
  end
  if type(options.keys) == 'table' then
    for action in pairs(options.keys) do
      if defaults.keys[action] == nil then
        error(('codelsp: no key "%s"'):format(action), 3)
      end
    end
  end
  return options
end

--- Make `:help codelsp` known, which no plugin manager does for a folder below a checkout.
local function index_help()
  local help = vim.api.nvim_get_runtime_file('doc/codelsp.txt', false)[1]
  local tags = help and vim.fs.joinpath(vim.fs.dirname(help), 'tags')
  if tags and vim.fn.getftime(tags) < vim.fn.getftime(help) then
    -- A folder that cannot be written to goes without.
    pcall(vim.cmd.helptags, vim.fn.fnameescape(vim.fs.dirname(help)))
  end
end

--- Start codelsp in every buffer that it is wanted in, and map the keys.
---@param options? codelsp.Options
function M.setup(options)
  if vim.fn.has('nvim-0.10') == 0 then
    vim.notify('codelsp needs Neovim 0.10 or newer.', vim.log.levels.ERROR)
    return
  end
  M.options = vim.tbl_deep_extend('force', defaults, checked(vim.deepcopy(options or {})))
  if M.options.ghost_text == 'auto' then
    M.options.ghost_text = has_native() and 'native' or 'drawn'
  end
  M.ghost = require('codelsp.' .. M.options.ghost_text)
  M.ghost.setup()
  require('codelsp.client').setup(M.options)
  if M.options.keys then
    require('codelsp.keys').map(M.options.keys)
  end
  vim.schedule(index_help)
end

--- Run {apply} between two keys, so that it works from every kind of mapping, with the built-in
--- menu closed and with an undo step of its own.
local function between_keys(apply)
  M._apply = apply
  local keys = vim.fn.pumvisible() == 1 and '<C-e>' or ''
  keys = keys .. '<C-g>u<Cmd>lua require("codelsp")._apply()<CR>'
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, true, true), 'ni', false)
end

--- Whether an entry of the built-in menu is chosen; keys are then meant for it.
local function has_chosen_entry()
  return vim.fn.pumvisible() == 1 and vim.fn.complete_info({ 'selected' }).selected >= 0
end

---@param take? fun(rest: string): string the part to take of what is still to come; nil for all
local function accept(take)
  local bufnr = vim.api.nvim_get_current_buf()
  if not M.ghost or has_chosen_entry() or not M.ghost.rest(bufnr) then
    return false
  end
  between_keys(function()
    M.ghost.accept(bufnr, take)
  end)
  return true
end

--- Whether ghost text is shown that could be accepted now.
---@return boolean
function M.is_visible()
  return M.ghost ~= nil and M.ghost.rest(vim.api.nvim_get_current_buf()) ~= nil
end

--- Accept the ghost text; false where there is none, so that a mapping can do something else.
---@return boolean
function M.accept()
  return accept()
end

--- Accept its next word.
---@return boolean
function M.accept_word()
  return accept(require('codelsp.edit').word)
end

--- Accept it up to the end of its next line.
---@return boolean
function M.accept_line()
  return accept(require('codelsp.edit').line)
end

--- Show the next candidate; the first time, ask for several.
---@param count? integer
---@return boolean
function M.next(count)
  return M.ghost ~= nil and M.ghost.cycle(vim.api.nvim_get_current_buf(), count or vim.v.count1)
end

--- Show the candidate before.
---@return boolean
function M.previous()
  return M.next(-vim.v.count1)
end

--- Take the ghost text away until the next key.
---@return boolean
function M.dismiss()
  if not M.is_visible() then
    return false
  end
  M.ghost.dismiss(vim.api.nvim_get_current_buf())
  return true
end

--- Ask for candidates now, also where nothing would be offered unasked.
---@return boolean
function M.trigger()
  return M.ghost ~= nil and M.ghost.trigger(vim.api.nvim_get_current_buf())
end

--- A few words for a status line, empty where codelsp is not attached.
---@return string
function M.statusline()
  return require('codelsp.status').line(vim.api.nvim_get_current_buf())
end

return M
