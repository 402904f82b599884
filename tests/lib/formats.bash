# shellcheck shell=bash
# Converts a recording to every format that scribefs takes.

# shellcheck disable=SC2034 # for the tests
FORMATS="aac amr avi aiff flac flv m4a mkv mov mp3 mp4 mpeg ogg opus wav webm wma wmv"

# convert SOURCE TARGET: by the target's suffix; a film gets a blue picture.
convert_to() {
    local source=$1 target=$2 picture=() sound=()
    case $target in
    *.amr) # FFmpeg in Debian has no encoder for it
        sox "$source" -r 8000 -t amr-nb "$target"
        return
        ;;
    *.avi | *.flv | *.mkv | *.mov | *.mp4 | *.mpeg | *.webm | *.wmv)
        picture=(-f lavfi -i "color=c=blue:s=64x48:r=25")
        ;;
    esac
    case $target in
    *.flv) sound=(-ar 22050) ;;
    esac
    ffmpeg -nostdin -v error -y "${picture[@]}" -i "$source" -shortest "${sound[@]}" "$target"
}
