--- One suggestion as an edit of one line, and what is left of it while the user types along.
---
--- Columns are bytes from 0. The edit replaces what stands between `start` and the line's `tail`;
--- the tail is kept by its text, because closing brackets that an editor adds move its place.

local M = {}

---@class codelsp.Edit
---@field id string the server's name for it
---@field row integer
---@field start integer where the text begins
---@field head string the line before `start`
---@field tail string the line after what is replaced
---@field covered string what stood between cursor and tail when the answer came
---@field text string
---@field command? table the command that tells the server of an acceptance
---@field accepted? string what has been taken of lines before this one

--- Return a byte column from a position's `character`.
---@param line string
---@param character integer
---@param encoding string
function M.byte_column(line, character, encoding)
  if encoding == 'utf-8' then
    return math.min(character, #line)
  end
  if vim.fn.has('nvim-0.11') == 1 then
    return vim.str_byteindex(line, encoding, character, false)
  end
  local ok, column = pcall(vim.str_byteindex, line, character, encoding == 'utf-16')
  return ok and column or #line
end

--- Return the edit of an LSP range, or nil where it does not lie on the cursor's line.
---@param item { id: string, text: string, range: table, command: table? }
---@param encoding string
---@param cursor integer[] row and column, as of `nvim_win_get_cursor` (the row from 1)
---@param line string the line as it is now
---@return codelsp.Edit?
function M.of(item, encoding, cursor, line)
  local first, last = item.range.start, item.range['end']
  if first.line ~= cursor[1] - 1 or last.line ~= first.line then
    return nil
  end
  local start = M.byte_column(line, first.character, encoding)
  local stop = math.max(M.byte_column(line, last.character, encoding), cursor[2])
  return {
    id = item.id,
    row = first.line,
    start = start,
    head = line:sub(1, start),
    tail = line:sub(stop + 1),
    covered = line:sub(cursor[2] + 1, stop),
    text = (item.text:gsub('\r\n?', '\n')),
    command = item.command,
  }
end

local CHARACTER = '[%z\1-\127\194-\244][\128-\191]*'

--- How many bytes of {wanted} stand, in order, in {text}.
---@return integer
local function found_in_order(wanted, text)
  local position, found = 1, 0
  for character in wanted:gmatch(CHARACTER) do
    local first, last = text:find(character, position, true)
    if not first then
      break
    end
    position, found = last + 1, found + #character
  end
  return found
end

--- Return what is still to come at the cursor, and what of the line that will replace.
---
--- Nil where the edit does not fit any longer: something else was typed, or the line changed.
---@param edit codelsp.Edit
---@param cursor integer[]
---@param line string
---@return string? rest
---@return string covered
function M.rest(edit, cursor, line)
  local column, stop = cursor[2], #line - #edit.tail
  local is_same_line = cursor[1] - 1 == edit.row
    and line:sub(1, edit.start) == edit.head
    and column >= edit.start
    and stop >= column
    and line:sub(stop + 1) == edit.tail
  if not is_same_line then
    return nil, ''
  end
  local typed = line:sub(edit.start + 1, column)
  if not vim.startswith(edit.text, typed) then
    return nil, ''
  end
  local rest, covered = edit.text:sub(#typed + 1), line:sub(column + 1, stop)
  if covered ~= edit.covered and found_in_order(covered, rest) < #covered then
    return nil, ''
  end
  if rest == '' or rest == covered then
    return nil, ''
  end
  return rest, covered
end

--- Put {part}, the beginning of what is still to come, into the buffer, the cursor behind it.
---
--- What of the line stands in {part} already is replaced, never left there a second time.
---@param bufnr integer
---@param edit codelsp.Edit
---@param part string
---@return string accepted the text from its beginning up to here
function M.insert(bufnr, edit, part)
  local cursor = vim.api.nvim_win_get_cursor(0)
  local row, column = cursor[1] - 1, cursor[2]
  local rest, covered = M.rest(edit, cursor, vim.api.nvim_get_current_line())
  local n_replaced = part == rest and #covered or found_in_order(covered, part)
  local lines = vim.split(part, '\n', { plain = true })
  local last = lines[#lines]
  vim.api.nvim_buf_set_text(bufnr, row, column, row, column + n_replaced, lines)
  vim.api.nvim_win_set_cursor(0, { row + #lines, (#lines == 1 and column or 0) + #last })
  edit.covered = covered:sub(n_replaced + 1)
  local n_used = #edit.text - #(rest or '') + #part
  local accepted = (edit.accepted or '') .. edit.text:sub(1, n_used)
  if #lines > 1 then
    edit.accepted, edit.text = accepted, edit.text:sub(n_used + 1)
    edit.row, edit.start, edit.head = row + #lines - 1, #last, last
  end
  return accepted
end

--- The next word of {rest}: blanks before it, then letters and digits, or one run of signs.
---@param rest string
function M.word(rest)
  return rest:match('^%s*[%w_\128-\255]+') or rest:match('^%s*[^%w%s_\128-\255]+') or rest
end

--- {rest} up to the end of its next line that is not empty.
---@param rest string
function M.line(rest)
  return rest:match('^\n*[^\n]*')
end

--- Where {covered} stands in {text}: the pieces of {text} around its characters, each with how many
--- bytes of {covered} stand before it; nil where {text} does not hold them in order.
---@return { offset: integer, text: string }[]?
function M.pieces(text, covered)
  local pieces, position, offset = {}, 1, 0
  for character in covered:gmatch(CHARACTER) do
    local first, last = text:find(character, position, true)
    if not first then
      return nil
    end
    if first > position then
      table.insert(pieces, { offset = offset, text = text:sub(position, first - 1) })
    end
    position, offset = last + 1, offset + #character
  end
  if position <= #text then
    table.insert(pieces, { offset = offset, text = text:sub(position) })
  end
  return pieces
end

return M
