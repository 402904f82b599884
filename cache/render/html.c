/* The .html view: one page that shows the text, plays the recording beside it, and asks the network for
 * nothing. Its parts are in page/; here is what is put in. */
#include "cache/render/render.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/header.h"
#include "cache/render/html_out.h"
#include "cache/render/html_speech.h"
#include "cache/render/html_words.h"
#include "cache/render/page/page.h"
#include "cache/render/phrases.h"
#include "cache/render/text.h"

struct page {
    const struct transcript *transcript;
    const struct render_source *source; /* may be NULL */
    const struct html_language *language;
    struct html_speech speech;
    struct header header;
};

static const char *name_of(const struct page *p)
{
    return p->source && p->source->name && *p->source->name ? p->source->name : NULL;
}

static void put_word(const struct page *p, const char *key, struct buffer *out)
{
    const char *word = html_word(p->language, key, strlen(key));
    html_put(out, word, strlen(word));
}

/* ---- what is put in ---- */

static void put_interface_language(const struct page *p, struct buffer *out)
{
    buffer_puts(out, html_language_code(p->language));
}

/* Empty when unknown, as HTML has it. */
static void put_language(const struct page *p, struct buffer *out)
{
    const char *code = p->transcript->language ? p->transcript->language : "";
    html_put_clean(out, strcmp(code, "und") == 0 ? "" : code);
}

static void put_direction(const struct page *p, struct buffer *out)
{
    buffer_puts(out, html_from_right(p->transcript) ? "rtl" : "ltr");
}

/* The name of the recording without its extension. */
static void put_title(const struct page *p, struct buffer *out)
{
    const struct buffer *title = &p->header.title;
    if (title->len)
        html_put(out, title->data, title->len);
    else
        put_word(p, "untitled", out);
}

static void begin_fact(const char *label, const char *id, struct buffer *out)
{
    buffer_puts(out, "<div><dt>");
    html_put(out, label, strlen(label));
    buffer_printf(out, "</dt> <dd dir=\"auto\"%s>", id);
}

static void put_facts(const struct page *p, struct buffer *out)
{
    const struct phrases *phrases = phrases_of(p->transcript);
    static const char end[] = "</dd></div>\n";
    buffer_puts(out, "<dl class=\"facts\">\n");
    for (size_t i = 0; i < p->header.count; i++) {
        const struct header_line *line = &p->header.lines[i];
        bool voices = line->label == phrases->speakers || line->label == phrases->channels;
        begin_fact(line->label, voices ? " id=\"voices\"" : "", out);
        html_put(out, line->value.data, line->value.len);
        buffer_puts(out, end);
    }
    if (name_of(p)) {
        const char *label = html_word(p->language, "recording", strlen("recording"));
        cleanup_buffer struct buffer name = {0};
        text_put_name(&name, name_of(p), strlen(name_of(p)));
        out->failed = out->failed || name.failed;
        begin_fact(label, "", out);
        buffer_puts(out, "<a href=\"");
        html_put_url(out, name_of(p));
        buffer_puts(out, "\">");
        html_put(out, name.data ? name.data : "", name.len);
        buffer_printf(out, "</a>%s", end);
    }
    buffer_puts(out, "</dl>");
}

static bool is_film(const char *name)
{
    static const char *const suffixes[] = {".3g2", ".3gp", ".asf", ".avi", ".flv",  ".m2ts",
                                           ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
                                           ".mts", ".ogv", ".ts",  ".vob", ".webm", ".wmv"};
    const char *dot = name ? strrchr(name, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcasecmp(dot, suffixes[i]) == 0)
            return true;
    return false;
}

static void put_media(const struct page *p, struct buffer *out)
{
    const char *element = is_film(name_of(p)) ? "video" : "audio";
    buffer_printf(out, "<%s id=\"player\" controls preload=\"metadata\"", element);
    if (name_of(p)) {
        buffer_puts(out, " src=\"");
        html_put_url(out, name_of(p));
        buffer_puts(out, "\"");
    }
    buffer_printf(out, "></%s>", element);
}

static void put_turns(const struct page *p, struct buffer *out)
{
    if (p->speech.paragraphs) {
        buffer_add(out, p->speech.turns.data, p->speech.turns.len - 1); /* without the last new line */
        return;
    }
    buffer_printf(out, "<p class=\"silence\" lang=\"%s\">", html_language_code(p->language));
    put_word(p, "silence", out);
    buffer_puts(out, "</p>");
}

/* How far the text can be trusted. */
static void put_notes(const struct page *p, struct buffer *out)
{
    const struct transcript *t = p->transcript;
    buffer_puts(out, "<p>");
    put_word(p, "made", out);
    if (p->speech.unsure) {
        buffer_puts(out, " ");
        put_word(p, "unsure", out);
    }
    bool estimated = t->times_estimated;
    for (size_t i = 0; i < t->sentence_count && !estimated; i++)
        estimated = !t->sentences[i].word_count;
    if (estimated) {
        buffer_puts(out, " ");
        put_word(p, "estimated", out);
    }
    buffer_puts(out, "</p>");
}

static void put_page(const struct page *p, struct buffer *out)
{
    buffer_puts(out, "{\"name\":");
    html_put_json(out, name_of(p) ? name_of(p) : "");
    buffer_puts(out, ",\"words\":");
    html_put_words(p->language, phrases_of(p->transcript), out);
    buffer_puts(out, ",\"voices\":");
    buffer_add(out, p->speech.voices.data, p->speech.voices.len);
    buffer_puts(out, "}");
}

static void put_words(const struct page *p, struct buffer *out)
{
    buffer_add(out, p->speech.words.data, p->speech.words.len);
}

static void put_style(const struct page *p, struct buffer *out)
{
    (void)p;
    buffer_puts(out, page_transcript_css);
}

static void put_script(const struct page *p, struct buffer *out)
{
    (void)p;
    buffer_puts(out, page_transcript_js);
}

static void put_style_hash(const struct page *p, struct buffer *out)
{
    (void)p;
    if (html_put_hash(out, page_transcript_css))
        out->failed = true;
}

static void put_script_hash(const struct page *p, struct buffer *out)
{
    (void)p;
    if (html_put_hash(out, page_transcript_js))
        out->failed = true;
}

static const struct {
    const char *place;
    void (*put)(const struct page *p, struct buffer *out);
} parts[] = {
    {"ui_lang", put_interface_language},
    {"lang", put_language},
    {"dir", put_direction},
    {"title", put_title},
    {"facts", put_facts},
    {"media", put_media},
    {"turns", put_turns},
    {"notes", put_notes},
    {"page", put_page},
    {"words", put_words},
    {"style", put_style},
    {"style_hash", put_style_hash},
    {"script", put_script},
    {"script_hash", put_script_hash},
};

/* Any other place is a word's. */
static void put_part(const struct page *p, const char *place, size_t len, struct buffer *out)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strlen(parts[i].place) == len && memcmp(parts[i].place, place, len) == 0) {
            parts[i].put(p, out);
            return;
        }
    }
    const char *word = html_word(p->language, place, len);
    if (word) /* a unit test holds the template to it */
        html_put(out, word, strlen(word));
}

int render_html(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    struct page p = {.transcript = t, .source = source, .language = html_language_of(t)};
    int rc = html_speech_of(t, source ? source->look : NULL, &p.speech);
    if (!rc)
        rc = header_of(t, source, &p.header);
    const char *at = page_transcript_html;
    while (!rc && *at) {
        const char *place = strstr(at, "{{");
        const char *end = place ? strstr(place, "}}") : NULL;
        buffer_add(out, at, end ? (size_t)(place - at) : strlen(at));
        if (!end)
            break;
        put_part(&p, place + 2, (size_t)(end - place - 2), out);
        at = end + 2;
    }
    html_speech_clear(&p.speech);
    header_clear(&p.header);
    return rc ? rc : buffer_error(out);
}
