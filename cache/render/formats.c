/* The table of formats. */
#include "cache/render/formats.h"

#include <string.h>

#include "cache/render/render.h"

static const struct format_info table[FORMATS] = {
    [FORMAT_TXT] = {"txt", true, render_txt},
    [FORMAT_SRT] = {"srt", false, render_srt},
    [FORMAT_JSON] = {"json", true, render_json},
    [FORMAT_VTT] = {"vtt", false, render_vtt},
    [FORMAT_LRC] = {"lrc", true, render_lrc},
    [FORMAT_ELRC] = {"elrc", true, render_elrc},
    [FORMAT_HTML] = {"html", true, render_html},
    [FORMAT_MD] = {"md", true, render_md},
    [FORMAT_DOCX] = {"docx", true, render_docx},
    [FORMAT_TSV] = {"tsv", false, render_tsv},
    [FORMAT_CSV] = {"csv", false, render_csv},
    [FORMAT_PLAIN_TXT] = {"plain.txt", false, render_plain_txt},
    [FORMAT_WORDS_TSV] = {"words.tsv", false, render_words_tsv},
    [FORMAT_LABELS_TXT] = {"labels.txt", false, render_labels_txt},
    [FORMAT_PODCAST_JSON] = {"podcast.json", false, render_podcast_json},
    [FORMAT_OTR] = {"otr", true, render_otr},
    [FORMAT_RAW_JSON] = {"raw.json", false, NULL},
    [FORMAT_WHISPERX_JSON] = {"whisperx.json", false, render_whisperx_json},
    [FORMAT_DIARIZED_JSON] = {"diarized.json", false, render_diarized_json},
    [FORMAT_KARAOKE_VTT] = {"karaoke.vtt", false, render_karaoke_vtt},
    [FORMAT_WHISPER_JSON] = {"whisper.json", false, render_whisper_json},
};

const struct format_info *format_info(int format)
{
    return format >= 0 && format < FORMATS && table[format].name ? &table[format] : NULL;
}

int format_find(const char *name, size_t len)
{
    for (int i = 0; i < FORMATS; i++)
        if (table[i].name && strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
            return i;
    return -1;
}
