--- What the server writes at the user's wish, drawn below the cursor's line while it comes.

local M = {}

local NAMESPACE = vim.api.nvim_create_namespace('codelsp.preview')

--- Handle `codelsp/preview`: the text so far, or that it is done.
function M.show(preview)
  local bufnr = vim.uri_to_bufnr(preview.uri)
  if not vim.api.nvim_buf_is_loaded(bufnr) then
    return
  end
  vim.api.nvim_buf_clear_namespace(bufnr, NAMESPACE, 0, -1)
  if preview.done then
    return
  end
  local lines = {}
  for line in vim.gsplit(preview.text:gsub('^\n', ''), '\n') do
    table.insert(lines, { { line, 'Comment' } })
  end
  local last = vim.api.nvim_buf_line_count(bufnr) - 1
  local row = math.min(preview.range.start.line, last)
  vim.api.nvim_buf_set_extmark(bufnr, NAMESPACE, row, 0, { virt_lines = lines })
end

return M
