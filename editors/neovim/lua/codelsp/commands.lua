--- `:Codelsp`, and what each of its words does.

local M = {}

local function client_here()
  local client = require('codelsp.client').of(vim.api.nvim_get_current_buf())
  if not client then
    vim.notify(
      'codelsp is not attached to this buffer; :checkhealth codelsp says why.',
      vim.log.levels.WARN
    )
  end
  return client
end

--- Show {text} in a window of its own, which `q` closes.
local function show(title, text, filetype)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, vim.split(text, '\n', { plain = true }))
  vim.bo[bufnr].bufhidden, vim.bo[bufnr].modifiable = 'wipe', false
  vim.bo[bufnr].filetype = filetype or ''
  vim.cmd('botright new')
  vim.api.nvim_win_set_buf(0, bufnr)
  local n_rows = 0
  for _, line in ipairs(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)) do
    n_rows = n_rows + math.max(1, math.ceil(#line / vim.api.nvim_win_get_width(0)))
  end
  vim.api.nvim_win_set_height(0, math.min(n_rows, math.floor(vim.o.lines / 2)))
  vim.api.nvim_buf_set_name(bufnr, ('codelsp://%s/%d'):format(title, bufnr))
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = bufnr, nowait = true })
end

--- What a pause is about: everything, this file, or this file's language.
local EXTENTS = {
  here = function()
    return { uri = vim.uri_from_bufnr(0) }
  end,
  language = function()
    return { language = vim.bo.filetype }
  end,
}

local function pause_or_resume(name, extent)
  if extent and not EXTENTS[extent] then
    vim.notify(('codelsp: :Codelsp %s [here|language]'):format(name), vim.log.levels.ERROR)
    return
  end
  local client = client_here()
  if not client then
    return
  end
  local about = extent and { EXTENTS[extent]() } or nil
  require('codelsp.client').command(client, name, about, function(result)
    local state = result and result.isPaused and 'paused' or 'offering completions'
    vim.notify('codelsp is ' .. state .. (extent and ' ' .. (extent == 'here' and 'here' or 'for '
      .. vim.bo.filetype) or '') .. '.')
    if name == 'pause' and require('codelsp').ghost then
      require('codelsp').dismiss()
    end
  end)
end

local function percent(part, whole)
  return whole > 0 and ('%d %%'):format(part / whole * 100 + 0.5) or '-'
end

--- The counts as a table for a person.
local function statistics_table(result)
  local lines = { ('%-16s %8s %8s %10s %8s %9s'):format(
    'language', 'offered', 'accepted', 'partially', 'rate', 'characters'
  ) }
  local names = vim.tbl_keys(result.languages or {})
  table.sort(names)
  for _, name in ipairs(names) do
    local n = result.languages[name]
    lines[#lines + 1] = ('%-16s %8d %8d %10d %8s %9d'):format(name, n.offered, n.accepted,
      n.partially_accepted, percent(n.accepted, n.offered), n.chars)
  end
  if #names == 0 then
    lines[#lines + 1] = 'Nothing has been offered yet.'
  end
  if result.path and result.path ~= '' then
    vim.list_extend(lines, { '', 'Kept in ' .. result.path .. ', and nowhere else.' })
  end
  return table.concat(lines, '\n')
end

local actions = {
  pause = function(extent)
    pause_or_resume('pause', extent)
  end,
  resume = function(extent)
    pause_or_resume('resume', extent)
  end,
  explain = function()
    local client = client_here()
    if client then
      require('codelsp.client').command(client, 'explainLast', nil, function(result)
        show('explain', result.text or '')
      end)
    end
  end,
  statistics = function(word)
    local client = client_here()
    if client then
      local arguments = word == 'reset' and { 'reset' } or nil
      require('codelsp.client').command(client, 'statistics', arguments, function(result)
        show('statistics', statistics_table(result))
      end)
    end
  end,
  restart = function(what)
    if what ~= 'engine' then
      require('codelsp.client').restart()
      return
    end
    local client = client_here()
    if client then
      require('codelsp.client').command(client, 'restartEngine', nil, function()
        vim.notify('codelsp connects to its engine anew.')
      end)
    end
  end,
  status = function()
    if client_here() then
      local status = require('codelsp.status').of(vim.api.nvim_get_current_buf())
      vim.notify(status and ('codelsp: %s%s%s'):format(
        status.kind,
        status.model and status.model ~= '' and ', ' .. status.model or '',
        status.message and status.message ~= '' and ', ' .. status.message or ''
      ) or 'codelsp: attached, and silent so far')
    end
  end,
  trigger = function()
    require('codelsp').trigger()
  end,
  log = function()
    vim.cmd.tabnew(vim.fn.fnameescape(vim.lsp.get_log_path and vim.lsp.get_log_path()
      or vim.lsp.log.get_filename()))
  end,
  health = function()
    vim.cmd.checkhealth('codelsp')
  end,
}

local WORDS = {
  pause = { 'here', 'language' },
  resume = { 'here', 'language' },
  statistics = { 'reset' },
  restart = { 'engine' },
}

local function names()
  local all = vim.tbl_keys(actions)
  table.sort(all)
  return all
end

--- Run `:Codelsp {words}`; without words, tell the status.
---@param words string[]
function M.run(words)
  local action = actions[words[1] or 'status']
  if not require('codelsp').options then
    vim.notify("codelsp: call require('codelsp').setup() first.", vim.log.levels.ERROR)
  elseif not action then
    local known = table.concat(names(), ', ')
    vim.notify(('codelsp: no command "%s"; there are %s'):format(words[1], known),
      vim.log.levels.ERROR)
  else
    action(words[2])
  end
end

--- Complete the command line {line}.
---@param line string
function M.complete(line)
  local words = vim.split(vim.trim(line:gsub('^.-Codelsp', '')), '%s+')
  local is_second = line:match('Codelsp%s+%S+%s')
  local begun = line:match('%S*$')
  return vim.tbl_filter(function(name)
    return vim.startswith(name, begun)
  end, is_second and WORDS[words[1]] or names())
end

return M
