#compdef jobgate
_jobgate() {
  if (( CURRENT == 2 )); then
    local -a subcommands
    subcommands=(
@COMMANDS@
    )
    _describe command subcommands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
@CASES@
  esac
}
if [[ $funcstack[1] == _jobgate ]]; then
  _jobgate "$@"
else
  compdef _jobgate jobgate
fi
