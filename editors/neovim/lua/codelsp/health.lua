--- `:checkhealth codelsp`: what works here, what does not, and what to do.

local M = {}

local DOCTOR_SECONDS = 120

local function check_neovim(options)
  vim.health.start('codelsp: Neovim')
  if vim.fn.has('nvim-0.10') == 0 then
    vim.health.error('Neovim is older than 0.10', 'Install a newer Neovim.')
    return
  end
  vim.health.ok(tostring(vim.version()))
  if options.ghost_text == 'native' then
    vim.health.ok('Neovim draws the ghost text (vim.lsp.inline_completion), 200 ms after a key')
  else
    vim.health.ok('codelsp draws the ghost text itself')
  end
end

local function check_command(options)
  vim.health.start('codelsp: server')
  if type(options.cmd) ~= 'table' then
    vim.health.ok('started by a function of yours')
    return false
  end
  local path = vim.fn.exepath(options.cmd[1])
  if path == '' then
    vim.health.error(('there is no command "%s"'):format(options.cmd[1]), {
      'Install it: `pipx install codelsp`, or `uv tool install codelsp`.',
      'Or name it: setup({ cmd = { "/path/to/codelsp", "--stdio" } }).',
    })
    return false
  end
  vim.health.ok('found: ' .. path)
  return true
end

local function check_clients()
  local clients = vim.lsp.get_clients({ name = 'codelsp' })
  if #clients == 0 then
    vim.health.warn('no server is running', 'Open a file; then look at :Codelsp log.')
    return
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    local info = client.server_info or (client.initialize_result or {}).serverInfo or {}
    local version = info.version and ' ' .. info.version or ''
    vim.health.ok(('running%s, serving %d buffers'):format(version, buffers))
    local status = require('codelsp.status').of(next(client.attached_buffers) or 0)
    if status and status.kind == 'error' then
      vim.health.error(status.message, 'Run `codelsp doctor` in a terminal.')
    elseif status and status.kind == 'paused' then
      vim.health.warn('paused', ':Codelsp resume')
    elseif status then
      vim.health.ok(('status: %s, model %s'):format(status.kind, status.model))
    end
  end
end

local function check_neighbours(options)
  vim.health.start('codelsp: beside others')
  for _, client in ipairs(vim.lsp.get_clients()) do
    if client.name ~= 'codelsp' and client.server_capabilities.inlineCompletionProvider then
      vim.health.warn(
        client.name .. ' offers inline completions as well',
        'Two ghost texts in one place; turn one of them off.'
      )
    end
  end
  local key = options.keys and options.keys.accept
  if not key then
    vim.health.ok('no key is mapped by codelsp')
    return
  end
  local mapping = vim.fn.maparg(key, 'i', false, true)
  if (mapping.desc or ''):match('^codelsp: ') then
    vim.health.ok(key .. ' accepts the ghost text')
  else
    vim.health.info(
      ('%s was mapped again after us%s; see |codelsp-menus| if it does not reach the ghost text'):format(
        key,
        mapping.desc and ' (' .. mapping.desc .. ')' or ''
      )
    )
  end
end

local function check_doctor(options)
  vim.health.start('codelsp: codelsp doctor')
  local done = vim
    .system({ options.cmd[1], 'doctor' }, {
      text = true,
      timeout = DOCTOR_SECONDS * 1000,
      env = { NO_COLOR = '1', COLUMNS = '100' },
    })
    :wait()
  for line in vim.gsplit(vim.trim(done.stdout or ''), '\n', { plain = true }) do
    vim.health.info((line:gsub('%s+$', '')))
  end
  if done.code == 0 then
    vim.health.ok('nothing is broken')
  else
    vim.health.error('something is broken, see above', vim.trim(done.stderr or ''))
  end
end

--- What `:checkhealth` calls.
function M.check()
  local options = require('codelsp').options
  if not options then
    vim.health.start('codelsp')
    vim.health.error('it is not set up', "Call require('codelsp').setup() in your init.lua.")
    return
  end
  check_neovim(options)
  local is_found = check_command(options)
  check_clients()
  check_neighbours(options)
  if is_found then
    check_doctor(options)
  end
end

return M
