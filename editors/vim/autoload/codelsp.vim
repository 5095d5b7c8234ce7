vim9script
# The language server codelsp over Vim's own channel, and its suggestions as virtual text.
#
# Columns are bytes from 0.  A suggestion replaces what stands between `start` and the line's
# `tail`; the tail is kept by its text, because brackets that a plugin closes move its place.

const AUTOMATIC = 2
const INVOKED = 1
const PROPERTY = 'codelspGhostText'
const RESTARTS = 4

var job: any = null_job
var is_ready = false
var is_stopping = false
var n_deaths = 0
var has_complained = false
var sent: dict<number> = {}      # changedtick of what the server knows, by buffer
var status: dict<any> = {}
var edits: list<dict<any>> = []  # the candidates
var index = 0
var asked = ''                   # the place and text that was asked about last
var newest = 0                   # number of the newest request

def Say(text: string)
  echohl WarningMsg
  echomsg 'codelsp: ' .. text
  echohl None
enddef

def Cmd(): list<string>
  return get(g:, 'codelsp_cmd', ['codelsp', '--stdio'])
enddef

def IsWanted(buffer: number): bool
  var unwanted = get(g:, 'codelsp_disabled_filetypes', ['gitcommit', 'gitrebase', 'help'])
  return bufloaded(buffer) && getbufvar(buffer, '&buftype') == ''
    && bufname(buffer) != '' && index(unwanted, getbufvar(buffer, '&filetype')) < 0
enddef

def Uri(buffer: number): string
  var path = fnamemodify(bufname(buffer), ':p')->substitute('\\', '/', 'g')
  var encoded = ''
  for i in range(len(path))
    encoded ..= path[i] =~ '[A-Za-z0-9_.~/-]' ? path[i] : Percent(path[i])
  endfor
  return 'file://' .. (encoded[0] == '/' ? '' : '/') .. encoded
enddef

def Percent(character: string): string
  return range(strlen(character))
    ->mapnew((_, at) => printf('%%%02X', char2nr(strpart(character, at, 1))))
    ->join('')
enddef

def Text(buffer: number): string
  return getbufline(buffer, 1, '$')->join("\n") .. "\n"
enddef

# -- the server

export def Start()
  if job != null_job || has_complained
    return
  endif
  if !executable(Cmd()[0])
    has_complained = true
    Say($'there is no command "{Cmd()[0]}". Install it with `pipx install codelsp`,'
      .. ' or name it in g:codelsp_cmd.')
    return
  endif
  is_stopping = false
  job = job_start(Cmd(), {
    in_mode: 'lsp', out_mode: 'lsp', err_mode: 'nl', noblock: 1,
    out_cb: (_, message) => Take(message),
    err_cb: (_, _) => 0,
    exit_cb: (_, code) => Died(code),
  })
  if job_status(job) != 'run'
    return
  endif
  var root = getcwd()
  ch_sendexpr(job, {method: 'initialize', params: {
    processId: getpid(),
    clientInfo: {name: 'Vim', version: string(v:version)},
    rootUri: 'file://' .. root,
    workspaceFolders: [{uri: 'file://' .. root, name: fnamemodify(root, ':t')}],
    initializationOptions: get(g:, 'codelsp_settings', {}),
    capabilities: {
      general: {positionEncodings: ['utf-32', 'utf-16']},
      workspace: {workspaceFolders: true},
      experimental: {codelsp: {ghostText: true}},
    },
  }}, {callback: (_, _) => Ready()})
enddef

def Ready()
  ch_sendexpr(job, {method: 'initialized', params: {}})
  is_ready = true
  sent = {}
  for info in getbufinfo({bufloaded: 1})
    Open(info.bufnr)
  endfor
  asked = ''
  if mode() =~ '^i'
    Changed()
  endif
enddef

def Died(code: number)
  job = null_job
  is_ready = false
  status = {}
  Forget()
  if is_stopping
    return
  endif
  n_deaths += 1
  if n_deaths > RESTARTS
    Say($'the server keeps ending (exit code {code}). Run `codelsp doctor`, then :Codelsp restart.')
    has_complained = true
  else
    timer_start(100 * float2nr(pow(2, n_deaths)), (_) => Start())
  endif
enddef

export def Stop()
  if job == null_job
    return
  endif
  is_stopping = true
  job_stop(job)
enddef

def Notify(method: string, params: dict<any>)
  if is_ready
    ch_sendexpr(job, {method: method, params: params})
  endif
enddef

# A message that answers nothing of ours.
def Take(message: dict<any>)
  if has_key(message, 'id') && has_key(message, 'method')
    var result = message.method == 'workspace/configuration'
      ? [get(g:, 'codelsp_settings', {})] : null
    ch_sendexpr(job, {id: message.id, result: result})
  elseif get(message, 'method', '') == 'codelsp/status'
    status = message.params
    redrawstatus!
  elseif get(message, 'method', '') == 'window/showMessage'
    Say(message.params.message)
  endif
enddef

export def Open(buffer: number)
  if !IsWanted(buffer)
    return
  endif
  Start()
  if is_ready && !has_key(sent, buffer)
    sent[buffer] = getbufvar(buffer, 'changedtick')
    Notify('textDocument/didOpen', {textDocument: {
      uri: Uri(buffer), languageId: getbufvar(buffer, '&filetype') ?? 'plaintext',
      version: sent[buffer], text: Text(buffer),
    }})
  endif
enddef

export def Close(buffer: number)
  if has_key(sent, buffer)
    remove(sent, buffer)
    Notify('textDocument/didClose', {textDocument: {uri: Uri(buffer)}})
  endif
enddef

def Synchronize(buffer: number)
  Open(buffer)
  if is_ready && get(sent, buffer, -1) != b:changedtick
    sent[buffer] = b:changedtick
    Notify('textDocument/didChange', {
      textDocument: {uri: Uri(buffer), version: b:changedtick},
      contentChanges: [{text: Text(buffer)}],
    })
  endif
enddef

# -- what is shown

def Forget()
  edits = []
  Clear()
enddef

def Clear()
  if !empty(prop_type_get(PROPERTY))
    prop_remove({type: PROPERTY, all: true}, 1, line('$'))
  endif
enddef

# How many bytes of `wanted` stand, in order, in `text`.
def FoundInOrder(wanted: string, text: string): number
  var position = 0
  var found = 0
  for character in split(wanted, '\zs')
    var at = stridx(text, character, position)
    if at < 0
      break
    endif
    position = at + strlen(character)
    found += strlen(character)
  endfor
  return found
enddef

# What is still to come at the cursor, and what of the line that replaces; empty if nothing.
def Rest(): list<string>
  if empty(edits)
    return ['', '']
  endif
  var edit = edits[index]
  var text = getline('.')
  var column = col('.') - 1
  var stop = strlen(text) - strlen(edit.tail)
  if line('.') != edit.lnum || bufnr() != edit.buffer || column < edit.start || stop < column
      || strpart(text, 0, edit.start) !=# edit.head || strpart(text, stop) !=# edit.tail
    return ['', '']
  endif
  var typed = strpart(text, edit.start, column - edit.start)
  var covered = strpart(text, column, stop - column)
  var rest = strpart(edit.text, strlen(typed))
  if strpart(edit.text, 0, strlen(typed)) !=# typed || rest ==# covered
      || covered !=# edit.covered && FoundInOrder(covered, rest) < strlen(covered)
    return ['', '']
  endif
  return [rest, covered]
enddef

def Draw()
  Clear()
  var [rest, covered] = Rest()
  if rest == '' || mode() !~ '^[iR]'
    return
  endif
  if empty(prop_type_get(PROPERTY))
    prop_type_add(PROPERTY, {highlight: 'CodelspGhostText'})
  endif
  var lines = split(rest, "\n", true)
  DrawFirst(lines[0], covered)
  for below in lines[1 :]
    prop_add(line('.'), 0, {type: PROPERTY, text: below == '' ? ' ' : below, text_align: 'below'})
  endfor
enddef

# The first line, in pieces around what stands after the cursor and in the text as well.
def DrawFirst(text: string, covered: string)
  var column = col('.')
  var rest = text
  for character in split(covered, '\zs')
    var at = stridx(rest, character)
    if at < 0
      break
    endif
    if at > 0
      prop_add(line('.'), column, {type: PROPERTY, text: strpart(rest, 0, at)})
    endif
    rest = strpart(rest, at + strlen(character))
    column += strlen(character)
  endfor
  if rest != ''
    prop_add(line('.'), column, {type: PROPERTY, text: rest})
  endif
enddef

# Something was typed, or the cursor moved.
export def Changed()
  var place = $'{bufnr()} {line(".")} {col(".")} {b:changedtick}'
  if place == asked || !IsWanted(bufnr())
    return
  endif
  asked = place
  if Rest()[0] == ''
    Forget()
  else
    Draw()
  endif
  Ask(AUTOMATIC)
enddef

def Ask(kind: number, Then: func = null_function)
  Synchronize(bufnr())
  if !is_ready
    return
  endif
  newest += 1
  var number = newest
  var place = $'{bufnr()} {line(".")} {col(".")} {b:changedtick}'
  ch_sendexpr(job, {method: 'codelsp/ghostText', params: {
    textDocument: {uri: Uri(bufnr())},
    position: {line: line('.') - 1, character: charcol('.') - 1},
    context: {triggerKind: kind},
  }}, {callback: (_, answer) => {
    var items = get(answer, 'result', null)
    var here = $'{bufnr()} {line(".")} {col(".")} {b:changedtick}'
    # null means overtaken: what is shown stays.
    if number == newest && here == place && type(items) == v:t_list && mode() =~ '^[iR]'
      Show(items)
      if Then != null_function
        Then()
      endif
      redraw
    endif
  }})
enddef

def Show(items: list<any>)
  n_deaths = 0
  var text = getline('.')
  edits = []
  index = 0
  for item in items
    var start = byteidx(text, item.range.start.character)
    var stop = max([byteidx(text, item.range.end.character), col('.') - 1])
    if item.range.start.line != line('.') - 1 || start < 0
      continue
    endif
    add(edits, {
      id: item.id, buffer: bufnr(), lnum: line('.'), start: start, head: strpart(text, 0, start),
      tail: strpart(text, stop), covered: strpart(text, col('.') - 1, stop - col('.') + 1),
      text: item.text->substitute('\r\n\?', "\n", 'g'),
    })
  endfor
  Draw()
enddef

export def Left()
  newest += 1
  asked = ''
  Forget()
enddef

export def Dismiss()
  newest += 1
  Forget()
enddef

# -- acceptance

def Part(rest: string, how: string): string
  if how == 'word'
    return matchstr(rest, '^\_s*\%(\k\+\|[^[:keyword:][:space:]]\+\)') ?? rest
  elseif how == 'line'
    return matchstr(rest, '^\n*[^\n]*')
  endif
  return rest
enddef

# The keys that accept all, the next word or the next line; `otherwise` where nothing is shown.
export def Accept(how: string, otherwise: string): string
  var has_chosen = pumvisible() && complete_info(['selected']).selected >= 0
  if has_chosen || Rest()[0] == ''
    return otherwise
  endif
  var closing = pumvisible() ? "\<C-e>" : ''
  return $"{closing}\<C-g>u\<Cmd>call codelsp#Insert('{how}')\<CR>"
enddef

export def Insert(how: string)
  var [rest, covered] = Rest()
  if rest == ''
    return
  endif
  var edit = edits[index]
  var part = Part(rest, how)
  var is_whole = part ==# rest
  var n_replaced = is_whole ? strlen(covered) : FoundInOrder(covered, part)
  var text = getline('.')
  var column = col('.') - 1
  var lines = split(part, "\n", true)
  var last = strlen(lines[-1]) + (len(lines) == 1 ? column : 0)
  lines[0] = strpart(text, 0, column) .. lines[0]
  lines[-1] = lines[-1] .. strpart(text, column + n_replaced)
  var lnum = line('.')
  Clear()
  setline(lnum, lines[0])
  append(lnum, lines[1 :])
  cursor(lnum + len(lines) - 1, last + 1)
  if is_whole
    Forget()
    Command('accept', [edit.id], (_) => 0)
  elseif len(lines) > 1
    Forget()
  else
    edit.covered = strpart(covered, n_replaced)
    edits = [edit]
    index = 0
    Draw()
  endif
enddef

# Show another candidate; where there is but one, ask for more first, and where there is none, ask
# for some, also where nothing would be offered unasked.
export def Cycle(count: number)
  var Turn = () => {
    if len(edits) > 1
      index = (index + count + len(edits)) % len(edits)
      Draw()
    endif
  }
  if Rest()[0] == ''
    Ask(INVOKED)
  elseif len(edits) > 1
    Turn()
  else
    Ask(INVOKED, Turn)
  endif
enddef

# -- commands

def Command(name: string, arguments: list<any>, Then: func)
  if !is_ready
    Say('the server is not running')
    return
  endif
  ch_sendexpr(job, {method: 'workspace/executeCommand', params: {
    command: $'codelsp.{name}', arguments: arguments,
  }}, {callback: (_, answer) => Then(get(answer, 'result', {}))})
enddef

def Present(text: string)
  botright new
  setlocal buftype=nofile bufhidden=wipe noswapfile
  setline(1, split(text, "\n"))
  execute 'resize' min([15, line('$') + 1])
  setlocal nomodifiable
  nnoremap <buffer> <nowait> q <Cmd>close<CR>
enddef

const WORDS = ['explain', 'pause', 'restart', 'resume', 'statistics', 'status']

export def Words(_: string, _: string, _: number): string
  return WORDS->join("\n")
enddef

export def Run(words: list<string>)
  var word = get(words, 0, 'status')
  if word == 'explain'
    Command('explainLast', [], (result) => Present(result.text))
  elseif word == 'pause' || word == 'resume'
    Dismiss()
    Command(word, [], (result) => Say(result.isPaused ? 'paused' : 'offering completions'))
  elseif word == 'statistics'
    Command('statistics', [], (result) => Present(result.languages->items()
      ->mapnew((_, pair) => $'{pair[0]}: offered {pair[1].offered}, accepted {pair[1].accepted}')
      ->join("\n") .. $"\nKept in {result.path}, and nowhere else."))
  elseif word == 'restart'
    Stop()
    has_complained = false
    n_deaths = 0
    timer_start(500, (_) => Start())
  elseif word == 'status'
    Say(Statusline() ?? 'the server is not running')
  else
    Say($'no command "{word}"; there are {WORDS->join(", ")}')
  endif
enddef

# A few words for a status line: set statusline=%f\ %{codelsp#Statusline()}
export def Statusline(): string
  var kind = get(status, 'kind', '')
  var is_quiet = kind == '' || kind == 'ready' || kind == 'busy'
  return !is_ready ? '' : is_quiet ? 'codelsp' : $'codelsp {kind == "starting" ? "loading" : kind}'
enddef
