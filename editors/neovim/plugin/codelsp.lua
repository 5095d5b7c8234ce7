-- The command, also before `setup()`: it then says what is missing.
if vim.g.loaded_codelsp then
  return
end
vim.g.loaded_codelsp = true

vim.api.nvim_create_user_command('Codelsp', function(given)
  require('codelsp.commands').run(given.fargs)
end, {
  nargs = '*',
  desc = 'codelsp: pause, resume, explain, statistics, restart, ...',
  complete = function(_, line)
    return require('codelsp.commands').complete(line)
  end,
})
