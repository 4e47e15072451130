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
        # An unknown name makes it list the names there are, indented.
        if [ "$before" = --only ]; then
            i=$("${COMP_WORDS[0]}" tour --only '?' 2>&1 | sed -n 's/^  *\([a-z-]*\).*/\1/p')
            mapfile -t COMPREPLY < <(compgen -W "$i" -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -W '--json --only' -- "$word")
        fi
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
            mapfile -t COMPREPLY < <(compgen -W 'loop:// threads:// auto://' -- "$word")
        else
            COMPREPLY=(--)
        fi
        ;;
    esac
}
complete -F _tutti tutti
