# bash completion for jobgate
_jobgate() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local command=${COMP_WORDS[1]} words='' index
  COMPREPLY=()
  # `--name=value` comes as three words, because `=` breaks words in bash.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((index = 2; index < COMP_CWORD; index++)); do
    [[ ${COMP_WORDS[index]} == '--' ]] && return
  done
  ((COMP_CWORD == 1)) && command=''
  case "$command $prev" in
@CASES@
    *) ((COMP_CWORD == 1)) && words='@COMMANDS@ --help --version' ;;
  esac
  if [[ $words == FILES ]]; then
    # bash before 4 has no `compopt`. A file name may hold blanks: only line breaks part the offers.
    compopt -o filenames 2>/dev/null
    local IFS=$'\n'
    COMPREPLY=($(compgen -f -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}
complete -F _jobgate jobgate
