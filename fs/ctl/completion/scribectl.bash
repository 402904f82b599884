# bash completion for scribectl(1). What there is to complete is what the program says of itself.

_scribectl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} command='' i help values
    # -- The command: the first word that is neither an option nor the store.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --store) ((i++)) ;;
        -*) ;;
        *) command=${COMP_WORDS[i]} && break ;;
        esac
    done
    compopt -o filenames 2>/dev/null
    COMPREPLY=()
    if [ -z "$command" ]; then
        case $prev in
        -s | --store) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
        esac
        help=$("$program" --help 2>/dev/null)
        compopt +o filenames 2>/dev/null
        case $cur in
        -*) mapfile -t COMPREPLY < <(compgen -W '-s --store -h --help -V --version' -- "$cur") ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$(sed -n '/^$/d;s/^  \([a-z]\{1,\}\)\( .*\)\{0,1\}$/\1/p' <<<"$help")" -- "$cur") ;;
        esac
        return
    fi
    help=$("$program" "$command" --help 2>/dev/null) || return 0
    # -- The value of an option, or an argument, that is one of a few: "--by day|model|folder".
    values=$(sed -n "s/^  \(-., \)\{0,1\}$prev \([^ ]*|[^ ]*\).*/\2/p" <<<"$help")
    [ -n "$values" ] || [ "${cur#-}" != "$cur" ] || values=$(sed -n '1s/.* \([a-z]*|[a-z|]*\)$/\1/p' <<<"$help")
    if [ -n "$values" ]; then
        compopt +o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "${values//|/ }" -- "$cur")
    elif [ "${cur#-}" != "$cur" ]; then
        compopt +o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "$(grep -o '^  -[^ ]*\( --[^ ]*\)\{0,1\}' <<<"$help" | tr -d ,)" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -F _scribectl scribectl
