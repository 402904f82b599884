/* Reads just enough of each container to compare what it promises with the bytes that are there.
 *
 * FFmpeg's demuxers play what is left of a cut file and stop without an error, which would give half a
 * transcript that looks whole. So the promise is checked here, before anything is decoded. */
#include "backend/worker/truncation.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct file {
    int fd;
    int64_t size;
};

static bool get(const struct file *f, int64_t at, void *out, size_t len)
{
    if (at < 0 || at > f->size || (int64_t)len > f->size - at)
        return false;
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(f->fd, (char *)out + done, len - done, at + (int64_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t value = 0;
    while (bytes--)
        value = value << 8 | p[bytes];
    return value;
}

static uint64_t big(const unsigned char *p, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return value;
}

/* `promised` is where the file should end. Encoders miscount by a tag or some padding; copies are not cut
 * there. */
static bool falls_short(const struct file *f, uint64_t promised)
{
    uint64_t size = (uint64_t)f->size;
    return promised > size && promised - size > promised / 50 + 256;
}

/* Sizes of 32 bits that programs write into a header which they cannot go back to: 0 and 0xffffffff (ffmpeg),
 * 0x7ffff000 (sox), 0x80000000 (arecord), 0x7f000000 (sox's AIFF). */
static bool streamed(uint64_t size)
{
    return size == 0 || size >= 0x7f000000;
}

/* WAV and AVI (little endian), AIFF (big endian): chunks in one big chunk whose size stands at 4. */
static bool riff_cut(const struct file *f, const unsigned char *head, bool big_endian)
{
    uint64_t whole = big_endian ? big(head + 4, 4) : little(head + 4, 4);
    if (!streamed(whole) && falls_short(f, whole + 8))
        return true;
    /* A header of a program that corrects only one of the two sizes. */
    int64_t at = 12;
    unsigned char chunk[8];
    for (int i = 0; i < 64 && get(f, at, chunk, sizeof chunk); i++) {
        uint64_t size = big_endian ? big(chunk + 4, 4) : little(chunk + 4, 4);
        bool sound = !memcmp(chunk, "data", 4) || !memcmp(chunk, "SSND", 4);
        if (sound)
            return !streamed(size) && falls_short(f, (uint64_t)at + 8 + size);
        at += 8 + (int64_t)size + (int64_t)(size & 1);
    }
    return false;
}

/* ISO base media: a sequence of boxes. Without `moov` nothing can be found in it; recorders write it last. */
static bool mp4_cut(const struct file *f)
{
    bool moov = false;
    int64_t at = 0;
    for (int i = 0; i < 100000 && at < f->size; i++) {
        unsigned char box[16];
        if (!get(f, at, box, 8))
            return !moov; /* a few stray bytes at the end are common */
        uint64_t size = big(box, 4);
        if (size == 1) {
            if (!get(f, at, box, 16))
                return true;
            size = big(box + 8, 8);
        } else if (size == 0) { /* up to the end of the file */
            size = (uint64_t)(f->size - at);
        }
        if (size < 8 || size > INT64_MAX / 2)
            return !moov;
        if (!memcmp(box + 4, "moov", 4) || !memcmp(box + 4, "moof", 4)) {
            moov = true;
            if (size > (uint64_t)(f->size - at))
                return true;
        }
        if (falls_short(f, (uint64_t)at + size))
            return true;
        at += (int64_t)size;
    }
    return !moov;
}

/* An EBML number with its marker bit removed; all ones means unknown and is given as UINT64_MAX. Returns its
 * length or 0. */
static int ebml_number(const unsigned char *p, uint64_t *value)
{
    int len = 1;
    while (len <= 8 && !(p[0] & (0x80 >> (len - 1))))
        len++;
    if (len > 8)
        return 0;
    *value = big(p, len) & ((UINT64_C(1) << (7 * len)) - 1);
    if (*value == (UINT64_C(1) << (7 * len)) - 1)
        *value = UINT64_MAX;
    return len;
}

/* Matroska and WebM: the EBML header, then the Segment, whose size is unknown in a live recording. */
static bool matroska_cut(const struct file *f)
{
    unsigned char p[12] = {0};
    uint64_t size;
    int len;
    if (!get(f, 4, p, 8) || !(len = ebml_number(p, &size)) || size > 4096)
        return false;
    int64_t at = 4 + len + (int64_t)size;
    if (!get(f, at, p, sizeof p) || big(p, 4) != 0x18538067 || !(len = ebml_number(p + 4, &size)))
        return false;
    return size < INT64_MAX / 2 && falls_short(f, (uint64_t)at + 4 + (uint64_t)len + size);
}

/* Ogg: pages of at most 65,307 bytes. A cut nearly always goes through the last one. */
static bool ogg_cut(const struct file *f)
{
    enum { HEADER = 27, LONGEST = HEADER + 255 + 255 * 255, BLOCK = 4096 };
    unsigned char window[BLOCK + 4];
    int64_t lowest = f->size - 2 * LONGEST;
    /* Backwards to the last capture pattern. */
    for (int64_t end = f->size; end > 0 && end > lowest; end -= BLOCK) {
        int64_t begin = end > BLOCK ? end - BLOCK : 0;
        int64_t stop = end + 3 < f->size ? end + 3 : f->size; /* a pattern across two windows */
        if (!get(f, begin, window, (size_t)(stop - begin)))
            return false;
        for (int64_t at = stop - 4; at >= begin; at--) {
            unsigned char page[HEADER + 255];
            if (memcmp(window + (at - begin), "OggS", 4))
                continue;
            if (!get(f, at, page, HEADER) || !get(f, at + HEADER, page + HEADER, page[26]))
                return true;
            int64_t size = HEADER + page[26];
            for (int i = 0; i < page[26]; i++)
                size += page[HEADER + i];
            return size > f->size - at;
        }
    }
    return false;
}

/* ASF (WMA, WMV): the file's size is in the File Properties object of the header. */
static bool asf_cut(const struct file *f)
{
    static const unsigned char properties[16] = {0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11,
                                                 0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65};
    unsigned char head[30], object[92];
    if (!get(f, 0, head, sizeof head))
        return true;
    uint64_t header_size = little(head + 16, 8), objects = little(head + 24, 4);
    if (header_size < INT64_MAX / 2 && falls_short(f, header_size))
        return true;
    int64_t at = 30;
    for (uint64_t i = 0; i < objects && i < 256 && get(f, at, object, 24); i++) {
        uint64_t size = little(object + 16, 8);
        if (!memcmp(object, properties, 16)) {
            bool broadcast = !get(f, at, object, sizeof object) || (object[88] & 1);
            uint64_t promised = little(object + 40, 8);
            return !broadcast && promised < INT64_MAX / 2 && falls_short(f, promised);
        }
        if (size < 24 || size > (uint64_t)f->size)
            return false;
        at += (int64_t)size;
    }
    return false;
}

/* FLAC: metadata blocks, the last one marked, then frames; how many samples they hold is checked after
 * decoding. */
static bool flac_cut(const struct file *f)
{
    unsigned char block[4];
    int64_t at = 4;
    do {
        if (!get(f, at, block, sizeof block))
            return true;
        at += 4 + (int64_t)big(block + 1, 3);
    } while (!(block[0] & 0x80) && at <= f->size);
    return at > f->size;
}

static int64_t id3_size(const unsigned char *head)
{
    if (memcmp(head, "ID3", 3))
        return 0;
    return 10 + ((int64_t)(head[6] & 0x7f) << 21 | (int64_t)(head[7] & 0x7f) << 14 | (head[8] & 0x7f) << 7 |
                 (head[9] & 0x7f));
}

/* MP3: the first frame may hold a Xing or Info header with the number of bytes from that frame to the end. */
static bool mp3_cut(const struct file *f, int64_t at)
{
    unsigned char frame[200];
    if (!get(f, at, frame, sizeof frame) || frame[0] != 0xff || (frame[1] & 0xe0) != 0xe0)
        return false;
    bool mpeg1 = (frame[1] & 0x18) == 0x18, mono = (frame[3] & 0xc0) == 0xc0;
    const unsigned char *xing = frame + 4 + (mpeg1 ? (mono ? 17 : 32) : (mono ? 9 : 17));
    if (memcmp(xing, "Xing", 4) && memcmp(xing, "Info", 4))
        return false;
    uint64_t flags = big(xing + 4, 4);
    if (!(flags & 2)) /* no count of bytes */
        return false;
    return falls_short(f, (uint64_t)at + big(xing + 8 + (flags & 1 ? 4 : 0), 4));
}

bool truncation_found(int fd, int64_t size)
{
    const struct file f = {fd, size};
    static const unsigned char asf[8] = {0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11};
    unsigned char head[12];
    if (!get(&f, 0, head, sizeof head))
        return false;
    if (!memcmp(head, "RIFF", 4))
        return riff_cut(&f, head, false);
    if (!memcmp(head, "FORM", 4))
        return riff_cut(&f, head, true);
    static const char boxes[][5] = {"ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"};
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        if (!memcmp(head + 4, boxes[i], 4))
            return mp4_cut(&f);
    if (big(head, 4) == 0x1a45dfa3)
        return matroska_cut(&f);
    if (!memcmp(head, "OggS", 4))
        return ogg_cut(&f);
    if (!memcmp(head, "fLaC", 4))
        return flac_cut(&f);
    if (!memcmp(head, asf, sizeof asf))
        return asf_cut(&f);
    return mp3_cut(&f, id3_size(head));
}
