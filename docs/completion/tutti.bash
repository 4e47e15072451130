# Completion of the tutti command for bash.
_tutti()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} i
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'tour run help version' -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    tour)
        case $before in
        --only)
            i=$("${COMP_WORDS[0]}" tour --list 2>/dev/null | sed 's/ .*//')
            mapfile -t COMPREPLY < <(compgen -W "$i" -- "$word") ;;
        --size)
            mapfile -t COMPREPLY < <(compgen -W 'small full' -- "$word") ;;
        --out)
            mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        --svg)
            mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        --rounds | --limit) ;;
        *)
            i='--json --only --rounds --size --limit --out --svg --color --list --help'
            mapfile -t COMPREPLY < <(compgen -W "$i" -- "$word") ;;
        esac
        ;;
    run)
        for ((i = 2; i < COMP_CWORD; i++)); do
            if [ "${COMP_WORDS[i]}" = -- ]; then
                compopt -o default
                return
            fi
        done
        # A colon splits words, so a scheme is offered only until there is one.
        if [ "$COMP_CWORD" = 2 ]; then
            mapfile -t COMPREPLY < <(compgen -W 'loop:// threads:// auto' -- "$word")
        else
            COMPREPLY=(--)
        fi
        ;;
    esac
}
complete -F _tutti tutti
