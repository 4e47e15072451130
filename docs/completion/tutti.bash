# Completion of the tutti command for bash.  tests/man_test.py compares the options with
# those that the command's own help names.

_tutti_tour()
{
    local word=$1 before=$2 tutti=$3 options names
    options='--only --list --rounds --size --limit --out --svg --json --color --help'
    case $before in
    --only)
        names=$("$tutti" tour --list 2>/dev/null | sed 's/^ *//; s/ .*//')
        [[ $word == *,* ]] && options=${word%,*}, || options=
        mapfile -t COMPREPLY < <(compgen -P "$options" -W "$names" -- "${word##*,}")
        ;;
    --size) mapfile -t COMPREPLY < <(compgen -W 'small full' -- "$word") ;;
    --rounds | --limit) ;;
    --out) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    --svg) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
    esac
}

# After the URL comes a program, and whatever that takes.
_tutti_run()
{
    local word=$1 words i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -q | --quiet) ;;
        *)
            mapfile -t COMPREPLY < <(compgen -c -- "$word")
            compopt -o default
            return
            ;;
        esac
    done
    words='--quiet --help auto loop:// threads://'
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

_tutti_explore()
{
    local word=$1 before=$2 i options
    options='--schedules --seconds --seed --strategy --accesses --model --steps --status
        --fork --replay --gdb --json --color --help'
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [ "${COMP_WORDS[i]}" = -- ]; then
            compopt -o default
            return
        fi
    done
    case $before in
    --strategy)
        mapfile -t COMPREPLY < <(compgen -W 'random sticky pct focus round' -- "$word")
        ;;
    --model) mapfile -t COMPREPLY < <(compgen -W 'sc c11' -- "$word") ;;
    --schedules | --steps | --status | --seconds | --seed | --replay) ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        compopt -o default
        ;;
    esac
}

_tutti()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'tour run cc explore help version' -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    tour) _tutti_tour "$word" "$before" "${COMP_WORDS[0]}" ;;
    run) _tutti_run "$word" ;;
    cc) compopt -o default ;;
    explore) _tutti_explore "$word" "$before" ;;
    help) mapfile -t COMPREPLY < <(compgen -W 'tour run cc explore help version' -- "$word") ;;
    esac
}
complete -F _tutti tutti
