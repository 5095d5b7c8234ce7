--- The server: where it is started, what it is told, and what happens when it dies.

local M = {}

local RESTARTS, WITHIN_SECONDS = 4, 120

local IS_NEW = vim.fn.has('nvim-0.11') == 1
local options ---@type codelsp.Options
local deaths = {} ---@type number[] when the server died, in seconds
local wanted_stops = {} ---@type table<integer, true> ids of clients that were told to stop
local served = {} ---@type table<integer, integer[]> buffers by client id
local said = {} ---@type table<string, true>

--- Say something, and each thing only once.
local function say_once(text, level)
  if not said[text] then
    said[text] = true
    vim.schedule(function()
      vim.notify(text, level)
    end)
  end
end

--- Return the client that serves a buffer.
---@param bufnr integer
---@return vim.lsp.Client?
function M.of(bufnr)
  return vim.lsp.get_clients({ name = 'codelsp', bufnr = bufnr })[1]
end

--- Ask a client; Neovim 0.10 has functions where there are methods since.
---@return integer? id to cancel by
function M.request(client, method, params, handler, bufnr)
  local ok, id
  if IS_NEW then
    ok, id = client:request(method, params, handler, bufnr)
  else
    ok, id = client.request(method, params, handler, bufnr)
  end
  return ok and id or nil
end

--- Tell a client something.
function M.notify(client, method, params)
  if IS_NEW then
    client:notify(method, params)
  else
    client.notify(method, params)
  end
end

--- Run a command of the server.
---@param name string without `codelsp.`
---@param arguments? any[]
---@param callback? fun(result: any)
function M.command(client, name, arguments, callback)
  local params = { command = 'codelsp.' .. name, arguments = arguments }
  M.request(client, 'workspace/executeCommand', params, function(error, result)
    if error then
      vim.notify('codelsp: ' .. (error.message or vim.inspect(error)), vim.log.levels.ERROR)
    elseif callback then
      callback(result)
    end
  end, 0)
end

--- Tell the server that a suggestion was taken, whole or in part.
---@param shown codelsp.Edit
---@param accepted? string the text up to where it was taken; nil for all of it
function M.tell_accepted(client, shown, accepted)
  if not accepted then
    M.command(client, 'accept', { shown.id })
    return
  end
  local whole = (shown.accepted or '') .. shown.text
  if #whole < #accepted then
    whole = accepted .. shown.text
  end
  local units = IS_NEW and vim.str_utfindex(accepted, 'utf-16')
    or select(2, vim.str_utfindex(accepted))
  local item = { insertText = whole, command = { arguments = { shown.id } } }
  M.notify(client, 'codelsp/didPartiallyAcceptCompletion', {
    item = item,
    acceptedLength = units,
  })
end

--- Whether codelsp is to serve a buffer.
local function is_wanted(bufnr)
  local filetype = vim.bo[bufnr].filetype
  return vim.bo[bufnr].buftype == ''
    and not vim.tbl_contains(options.disabled_filetypes, filetype)
    and (options.filetypes == nil or vim.tbl_contains(options.filetypes, filetype))
end

local function root_of(bufnr)
  return vim.fs.root(bufnr, options.root_markers)
end

local function capabilities()
  local able = vim.lsp.protocol.make_client_capabilities()
  able.experimental = vim.tbl_deep_extend('force', able.experimental or {}, {
    codelsp = { ghostText = options.ghost_text == 'drawn', preview = true },
  })
  return able
end

local function died(code, signal, client_id, buffers)
  if wanted_stops[client_id] or vim.v.exiting ~= vim.NIL then
    wanted_stops[client_id] = nil
    return
  end
  local now = vim.uv.now() / 1000
  deaths = vim.tbl_filter(function(time)
    return now - time < WITHIN_SECONDS
  end, deaths)
  table.insert(deaths, now)
  local how = signal ~= 0 and ('killed by signal %d'):format(signal) or ('exit code %d'):format(code)
  if #deaths > RESTARTS then
    local text = 'codelsp: the server keeps ending (%s). Run `codelsp doctor` in a terminal, look at '
      .. ':Codelsp log, then :Codelsp restart.'
    vim.notify(text:format(how), vim.log.levels.ERROR)
    return
  end
  vim.defer_fn(function()
    for _, bufnr in ipairs(buffers) do
      M.start(bufnr)
    end
  end, 100 * 2 ^ (#deaths - 1))
end

local how_it_ended = {} ---@type { code?: integer, signal?: integer }

--- Start the process. Neovim is told of a good end in any case, because of another it warns by
--- itself, at length; what is to be said, and done, is ours to say and to do.
local function start_process(dispatchers, given)
  local on_exit = dispatchers.on_exit
  dispatchers.on_exit = function(code, signal)
    how_it_ended = { code = code, signal = signal }
    on_exit(0, 0)
  end
  return vim.lsp.rpc.start(options.cmd, dispatchers, { cwd = given and given.root_dir })
end

--- The configuration of the server, as `vim.lsp.config` and `vim.lsp.start` take it.
local function config()
  return {
    name = 'codelsp',
    cmd = type(options.cmd) == 'table' and start_process or options.cmd,
    settings = { codelsp = options.settings },
    init_options = next(options.settings) and options.settings or vim.empty_dict(),
    capabilities = capabilities(),
    handlers = {
      ['codelsp/status'] = function(_, params, context)
        require('codelsp.status').take(context.client_id, params)
      end,
      ['codelsp/preview'] = function(_, params)
        require('codelsp.preview').show(params)
      end,
    },
    on_exit = function(code, signal, client_id)
      code, signal = how_it_ended.code or code, how_it_ended.signal or signal
      how_it_ended = {}
      local buffers = served[client_id] or {}
      served[client_id] = nil
      vim.schedule(function()
        require('codelsp.status').forget(client_id)
        for _, bufnr in ipairs(buffers) do
          require('codelsp').ghost.detach(bufnr)
        end
        died(code, signal, client_id, buffers)
      end)
    end,
  }
end

--- Whether a running server can serve a buffer of {given}'s root; also where there is no root,
--- for which Neovim 0.10 would start one server for each buffer.
local function serves_too(client, given)
  local is_stopped
  if IS_NEW then
    is_stopped = client:is_stopped()
  else
    is_stopped = client.is_stopped()
  end
  local has_same_root = client.config.root_dir == given.root_dir
  return client.name == given.name and not is_stopped and has_same_root
end

--- Start the server for a buffer, or let the running one serve it too.
function M.start(bufnr)
  if not vim.api.nvim_buf_is_loaded(bufnr) or not is_wanted(bufnr) then
    return
  end
  local settled = IS_NEW and vim.deepcopy(vim.lsp.config.codelsp) or config()
  local cmd = settled.cmd == start_process and options.cmd or settled.cmd
  if type(cmd) == 'table' and vim.fn.executable(cmd[1]) == 0 then
    say_once(
      ('codelsp: there is no command "%s". Install it with `pipx install codelsp` or '):format(cmd[1])
        .. '`uv tool install codelsp`, or name it: setup({ cmd = { "/path/to/codelsp", "--stdio" } }).',
      vim.log.levels.ERROR
    )
    return
  end
  settled.name = 'codelsp'
  settled.root_dir = root_of(bufnr)
  local id = vim.lsp.start(settled, { bufnr = bufnr, silent = true, reuse_client = serves_too })
  if id then
    served[id] = served[id] or {}
    if not vim.tbl_contains(served[id], bufnr) then
      table.insert(served[id], bufnr)
    end
  end
end

--- Stop the server and start it again, for all buffers it serves.
function M.restart()
  deaths, said = {}, {}
  local buffers = {} ---@type table<integer, true>
  for _, client in ipairs(vim.lsp.get_clients({ name = 'codelsp' })) do
    for bufnr in pairs(client.attached_buffers) do
      buffers[bufnr] = true
    end
    wanted_stops[client.id] = true
    if IS_NEW then
      client:stop()
    else
      client.stop()
    end
  end
  vim.wait(3000, function()
    return #vim.lsp.get_clients({ name = 'codelsp' }) == 0
  end, 20)
  if not next(buffers) then
    buffers[vim.api.nvim_get_current_buf()] = true
  end
  for bufnr in pairs(buffers) do
    M.start(bufnr)
  end
end

--- Serve every buffer that is wanted, those that are open and those to come.
---@param given codelsp.Options
function M.setup(given)
  options = given
  if IS_NEW then
    -- What a user's own `vim.lsp.config('codelsp', ...)` says counts as well.
    vim.lsp.config('codelsp', config())
  end
  local group = vim.api.nvim_create_augroup('codelsp.client', { clear = true })
  vim.api.nvim_create_autocmd({ 'FileType', 'BufNewFile', 'BufReadPost' }, {
    group = group,
    callback = function(event)
      -- After filetype plugins, and after a filetype that follows.
      vim.schedule(function()
        M.start(event.buf)
      end)
    end,
  })
  vim.api.nvim_create_autocmd('LspAttach', {
    group = group,
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'codelsp' then
        require('codelsp').ghost.attach(client, event.buf)
        vim.schedule(require('codelsp.status').changed)
      end
    end,
  })
  vim.api.nvim_create_autocmd('BufEnter', {
    group = group,
    callback = function(event)
      local client = M.of(event.buf)
      if client then
        local document = { uri = vim.uri_from_bufnr(event.buf) }
        M.notify(client, 'codelsp/didFocus', { textDocument = document })
      end
    end,
  })
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    M.start(bufnr)
  end
end

return M
