# One command, many scripts: `./lab NAME` and `./bench NAME` run NAME.sh of their folder. Sourced, never run.

# choose COMMAND FOLDER NAME [ARGUMENT...]: runs FOLDER/NAME.sh, or lists what there is.
choose() {
  local command=$1 folder=$2 name=${3:-}
  shift 2
  case $name in
    list)
      for script in "$folder"/*.sh; do
        [ -e "$script" ] && printf '%-20s %s\n' "$(basename "$script" .sh)" "$(sed -n '2s/^# *//p' "$script")"
      done
      return 0
      ;;
    '' | -* | */* | .*)
      say "Usage: $command NAME [--json] [...], or $command list"
      exit 2
      ;;
  esac
  shift
  [ -f "$folder/$name.sh" ] || { say "There is no '$name'; $command list shows what there is."; exit 2; }
  need_root "$command"
  root=$root exec bash "$folder/$name.sh" "$@"
}
