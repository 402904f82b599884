#!/usr/bin/env bash
# The demonstration behind "make demo": mounts a folder, drops a recording into it, shows the progress, and prints the transcript that
# appears beside it.
#
# usage: [BUILD=build] [SCRIBEFS_DEMO=DIRECTORY] fs/ctl/demo.sh [RECORDING]
#
# Everything lives in ~/scribefs-demo (or $SCRIBEFS_DEMO): the recordings and results in store/, the mount in mount/. On a terminal
# it asks whether to leave the mount in place; anywhere else it unmounts. A second run uses what the first one left.
set -euo pipefail

build=$(cd "${BUILD:-build}" && pwd)
place=${SCRIBEFS_DEMO:-$HOME/scribefs-demo}
store=$place/store
mount=$place/mount
recording=${1:-}
if [ -z "$recording" ]; then
    recording=/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav
    name=sense-and-sensibility.wav
else
    name=$(basename -- "$recording")
fi

bold='' plain=''
if [ -t 1 ]; then
    bold=$'\033[1m' plain=$'\033[0m'
fi
say() {
    printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}
fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

mounted() {
    # mountinfo writes a space as \040.
    awk -v point="${mount// /\\\\040}" '$5 == point { found = 1 } END { exit !found }' /proc/self/mountinfo
}
unmount() {
    if [ "$(id -u)" = 0 ]; then umount "$@" "$mount"; else fusermount3 -u ${1:+-z} "$mount"; fi
}

keep=no
finish() {
    local status=$?
    trap - EXIT
    if mounted && [ $keep = no ]; then
        # Busy (a shell stands in it, say): it goes as soon as it is left.
        unmount 2>/dev/null || unmount -l || :
    fi
    exit $status
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

[ -f "$recording" ] || fail "$recording: there is no such file"
case $name in
-* | .*) name=recording-$name ;;
esac
[ -c /dev/fuse ] || fail "/dev/fuse is missing: this machine (or container) does not allow FUSE mounts; 'modprobe fuse' may help"
if [ "$(id -u)" != 0 ] && ! { : <>/dev/fuse; } 2>/dev/null; then
    fail "/dev/fuse may not be opened by $(id -un); ask the administrator, or run this as root"
fi

mkdir -p "$mount" 2>/dev/null || [ -d "$mount" ] || unmount -l || fail "$mount cannot be used"
if mounted && [ ! -d "$mount/inbox" ]; then
    unmount -l # a daemon that was killed left it
fi
if mounted; then
    keep=yes # an earlier demo was told to leave it
    say "1. scribefs is mounted on $mount already"
else
    say "1. Mounting: scribefs $store $mount"
    "$build/scribefs" "$store" "$mount"
fi
printf 'Recordings go into  %s\nand are kept in     %s\n' "$mount/inbox" "$store/inbox"

say "2. Dropping a recording: cp $recording $mount/inbox/$name"
cp -- "$recording" "$mount/inbox/$name"

say "3. Waiting for the transcript: scribectl wait $mount/inbox/$name"
status=0
"$build/scribectl" wait "$mount/inbox/$name" || status=$?

say "4. What is in the folder now: ls -l $mount/inbox"
ls -l -- "$mount/inbox"
stem=${name%.*}
if [ $status != 0 ]; then
    for text in "$mount/inbox/$stem.FAILED.txt" "$mount/inbox/$name.FAILED.txt"; do
        [ ! -e "$text" ] || { echo && cat -- "$text"; }
    done
    exit $status
fi
# Where another recording has the same stem, the whole name is used.
[ -e "$mount/inbox/$name.txt" ] && stem=$name
for suffix in txt srt; do
    say "$stem.$suffix"
    cat -- "$mount/inbox/$stem.$suffix"
done

if [ $keep = no ] && [ -t 0 ] && [ -t 1 ]; then
    echo
    read -r -p "Leave it mounted, to drop recordings of your own? [y/N] " answer || answer=
    case $answer in
    [yY]*) keep=yes ;;
    esac
fi
say "How to go on"
if [ $keep = yes ]; then
    cat <<END
Drop recordings into $mount/inbox, with a file manager, cp or rsync;
each gets its .txt, .srt and .json there.
    see what is going on      $build/scribectl status --watch $mount
    stop                      $([ "$(id -u)" = 0 ] && echo umount || echo fusermount3 -u) $mount
END
else
    cat <<END
It is unmounted now. The recording is an ordinary file in $store/inbox,
and its transcript comes back with the mount, at no cost.
    mount it again            $build/scribefs $store $mount
    then drop recordings into $mount/inbox, with a file manager, cp or rsync
    see what is going on      $build/scribectl status --watch $mount
    stop                      $([ "$(id -u)" = 0 ] && echo umount || echo fusermount3 -u) $mount
END
fi
cat <<END
    remove all of this demo   rm -r $place   (after stopping)
To install it for good: make install, then read scribefs(8).
END
