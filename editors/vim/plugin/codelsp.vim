vim9script
# Ghost text from codelsp in Vim 9; see docs/how-to/vim.md.

if exists('g:loaded_codelsp') || !has('patch-9.0.0758') || !has('textprop') || !has('job')
  finish
endif
g:loaded_codelsp = true

import autoload 'codelsp.vim'

command! -nargs=* -complete=custom,codelsp.Words Codelsp codelsp.Run([<f-args>])

highlight default link CodelspGhostText NonText

augroup codelsp
  autocmd!
  autocmd FileType,BufReadPost,BufNewFile * codelsp.Open(expand('<abuf>')->str2nr())
  autocmd InsertEnter,TextChangedI,TextChangedP,CursorMovedI * codelsp.Changed()
  autocmd InsertLeave,BufLeave * codelsp.Left()
  autocmd BufUnload * codelsp.Close(expand('<abuf>')->str2nr())
  autocmd VimLeavePre * codelsp.Stop()
augroup END

if get(g:, 'codelsp_keys', true)
  inoremap <expr> <silent> <Tab> codelsp.Accept('all', "\<Tab>")
  inoremap <expr> <silent> <M-Right> codelsp.Accept('word', "\<M-Right>")
  inoremap <expr> <silent> <M-C-Right> codelsp.Accept('line', "\<M-C-Right>")
  # Not <M-]>: to Vim that is the letter Ý as well.
  inoremap <silent> <M-Down> <Cmd>call codelsp#Cycle(1)<CR>
  inoremap <silent> <M-Up> <Cmd>call codelsp#Cycle(-1)<CR>
  inoremap <silent> <C-]> <C-]><Cmd>call codelsp#Dismiss()<CR>
endif
