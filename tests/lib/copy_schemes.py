#!/usr/bin/python3 -IB
"""How programs that people use bring a file into a folder, call by call. Usage: copy_schemes.py INBOX EXPECTED

Each scheme is a generator that makes INBOX/NAME and stops ("yield") wherever the real program may take its time while the file is
not complete. All go on together, a step at each line on stdin; after each step the names that are complete are written, one a
line, and then a dot. EXPECTED/NAME is what INBOX/NAME holds in the end, there from the beginning.
"""

import os
import sys

WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def halves(data):
    return data[: len(data) // 2], data[len(data) // 2 :]


def fill(path, data, flags=NEW):
    """Written in two steps, with a pause before each and before the end."""
    fd = os.open(path, flags, 0o644)
    yield
    for part in halves(data):
        os.write(fd, part)
        yield
    os.close(fd)


def touch_up(path):
    """What comes after a copy: times and mode of the source."""
    os.utime(path, (1_600_000_000, 1_600_000_000))
    os.chmod(path, 0o640)


def set_xattr(path, name, value):
    try:
        os.setxattr(path, name, value)
    except OSError:
        pass  # the filesystem below has none


def gio_new(folder, name, data):
    """Nautilus, Nemo, Caja, PCManFM: under the final name."""
    path = os.path.join(folder, name)
    yield from fill(path, data)
    touch_up(path)


def gio_replace(folder, name, data):
    """GIO's replace: the temporary file gets the final name while it is still open."""
    path, temporary = os.path.join(folder, name), os.path.join(folder, ".goutputstream-" + name[:6])
    fd = os.open(temporary, NEW, 0o644)
    for part in halves(data):
        yield
        os.write(fd, part)
    os.fsync(fd)
    yield
    os.rename(temporary, path)
    yield
    os.close(fd)


def renamed_from(pattern):
    """Written and closed under another name first: pattern is a format string of the final name."""

    def scheme(folder, name, data):
        path, temporary = os.path.join(folder, name), os.path.join(folder, pattern.format(name))
        yield from fill(temporary, data)
        yield
        touch_up(temporary)
        os.rename(temporary, path)

    return scheme


def finder(folder, name, data):
    """macOS Finder: an empty file first, AppleDouble beside it, then filled, then its times."""
    path, double = os.path.join(folder, name), os.path.join(folder, "._" + name)
    os.close(os.open(path, NEW, 0o644))
    yield
    os.close(os.open(double, NEW, 0o644))
    set_xattr(path, "user.com.apple.quarantine", b"0082;5f000000;Finder;")
    yield
    with open(double, "wb") as file:
        file.write(b"\0\5\26\7" + bytes(78))
    yield from fill(path, data, os.O_WRONLY)
    touch_up(path)
    os.unlink(double)


def finder_safe_save(folder, name, data):
    """A Mac program's safe save: a directory of its own, then out of it."""
    path, directory = os.path.join(folder, name), os.path.join(folder, name + ".sb-1a2b3c4d-Xy12Zw")
    os.mkdir(directory)
    yield from fill(os.path.join(directory, name), data)
    yield
    os.rename(os.path.join(directory, name), path)
    os.rmdir(directory)


def explorer(folder, name, data):
    """Windows Explorer and robocopy over Samba: the whole size first, then the content, then times, attributes, the zone."""
    path = os.path.join(folder, name)
    fd = os.open(path, NEW, 0o644)
    set_xattr(path, "user.DOSATTRIB", b"0x20")
    os.ftruncate(fd, len(data))
    yield
    offset = 0
    for part in halves(data):
        os.pwrite(fd, part, offset)
        offset += len(part)
        yield
    os.utime(fd, (1_600_000_000, 1_600_000_000))
    os.close(fd)
    set_xattr(path, "user.DosStream.Zone.Identifier:$DATA", b"[ZoneTransfer]\r\nZoneId=3\r\n")
    os.utime(path, (1_600_000_000, 1_600_000_000))


def firefox(folder, name, data):
    """Holds the name with an empty file, and downloads beside it."""
    path, part = os.path.join(folder, name), os.path.join(folder, "kQ3x_" + name + ".part")
    os.close(os.open(path, NEW, 0o644))
    yield from fill(part, data)
    yield
    os.rename(part, path)


def chrome(folder, name, data):
    """Two temporary names, one after the other."""
    first, second = os.path.join(folder, ".org.chromium.Chromium.aB3dE9"), os.path.join(folder, "Unconfirmed 481516.crdownload")
    yield from fill(first, data)
    os.rename(first, second)
    yield
    os.rename(second, os.path.join(folder, name))


def safari(folder, name, data):
    """Downloads into a directory that has the file's name."""
    directory = os.path.join(folder, name + ".download")
    os.mkdir(directory)
    with open(os.path.join(directory, "Info.plist"), "w", encoding="ascii") as file:
        file.write("<plist/>")
    yield from fill(os.path.join(directory, name), data)
    yield
    os.rename(os.path.join(directory, name), os.path.join(folder, name))
    os.unlink(os.path.join(directory, "Info.plist"))
    os.rmdir(directory)


def in_pieces(folder, name, data):
    """wget -c, a slow upload: appended to, with the file open all the time."""
    path = os.path.join(folder, name)
    fd = os.open(path, WRITE | os.O_APPEND, 0o644)
    for part in halves(data):
        os.write(fd, part)
        os.fsync(fd)
        yield
    os.close(fd)


def linked(folder, name, data):
    """Written without a name, and given one when it is whole (O_TMPFILE's way, by a hard link)."""
    temporary = os.path.join(folder, ".tmp" + name)
    yield from fill(temporary, data)
    yield
    os.link(temporary, os.path.join(folder, name))
    os.unlink(temporary)


def editor(folder, name, data):
    """An audio editor that keeps the old one: a backup, then the new one in its place."""
    path, temporary = os.path.join(folder, name), os.path.join(folder, name + ".tmp")
    yield from fill(temporary, data)
    yield
    os.rename(temporary, path)
    os.close(os.open(path + "~", NEW, 0o644))


SCHEMES = {
    "gio-new": gio_new,
    "gio-replace": gio_replace,
    "kio": renamed_from("{}.part"),
    "thunar": renamed_from("{}.partial~"),
    "winscp": renamed_from("{}.filepart"),
    "opera": renamed_from("{}.opdownload"),
    "torrent": renamed_from("{}.!qB"),
    "aria2-old": renamed_from("{}.aria2"),
    "rsync": renamed_from(".{}.Ab12Cd"),
    "nextcloud": renamed_from(".{}.~1a2b3c"),
    "syncthing": renamed_from(".syncthing.{}.tmp"),
    "syncthing-windows": renamed_from("~syncthing~{}.tmp"),
    "browser-upload": renamed_from("{}.ocTransferId1234.part"),
    "finder": finder,
    "finder-safe-save": finder_safe_save,
    "explorer": explorer,
    "firefox": firefox,
    "chrome": chrome,
    "safari": safari,
    "pieces": in_pieces,
    "linked": linked,
    "editor": editor,
}


def main():
    folder, expected = sys.argv[1:3]
    running = {}
    for scheme, generator in SCHEMES.items():
        name = f"{scheme}.wav"
        data = f"say the words of {scheme}\n".encode() + scheme.encode() * 20_000
        with open(os.path.join(expected, name), "wb") as file:
            file.write(data)
        running[name] = generator(folder, name, data)
    while running:
        if not sys.stdin.readline():
            return
        for name in list(running):
            try:
                next(running[name])
            except StopIteration:
                del running[name]
                print(name)
        print(".", flush=True)


main()
