/* The .docx view: a document for Word and LibreOffice (Office Open XML, ISO/IEC 29500): the name of the
 * recording as a heading, what is known about it, and its paragraphs with times and speakers. */
#include "cache/render/render.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/utf8.h"
#include "backend/transcript.h"
#include "cache/render/header.h"
#include "cache/render/look.h"
#include "cache/render/turns.h"
#include "cache/render/zip_files.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define TYPES "application/vnd.openxmlformats-officedocument.wordprocessingml."
#define RELATIONS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define W "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\""

static const char content_types[] = XML
    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
    "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
    "<Default Extension=\"xml\" ContentType=\"application/xml\"/>"
    "<Override PartName=\"/word/document.xml\" ContentType=\"" TYPES "document.main+xml\"/>"
    "<Override PartName=\"/word/styles.xml\" ContentType=\"" TYPES "styles+xml\"/>"
    "<Override PartName=\"/word/footer1.xml\" ContentType=\"" TYPES "footer+xml\"/>"
    "<Override PartName=\"/docProps/core.xml\" "
    "ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/></Types>\n";

static const char package_relations[] =
    XML "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
        "<Relationship Id=\"rId1\" Type=\"" RELATIONS "/officeDocument\" Target=\"word/document.xml\"/>"
        "<Relationship Id=\"rId2\" "
        "Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" "
        "Target=\"docProps/core.xml\"/></Relationships>\n";

static const char document_relations[] =
    XML "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
        "<Relationship Id=\"rId1\" Type=\"" RELATIONS "/styles\" Target=\"styles.xml\"/>"
        "<Relationship Id=\"rId2\" Type=\"" RELATIONS "/footer\" Target=\"footer1.xml\"/></Relationships>\n";

static const char footer[] =
    XML "<w:ftr " W "><w:p><w:pPr><w:jc w:val=\"center\"/></w:pPr><w:fldSimple w:instr=\" PAGE \"><w:r>"
        "<w:rPr><w:color w:val=\"595959\"/></w:rPr><w:t>1</w:t></w:r></w:fldSimple></w:p></w:ftr>\n";

static const char styles_rest[] =
    "<w:pPrDefault><w:pPr><w:spacing w:after=\"140\" w:line=\"276\" "
    "w:lineRule=\"auto\"/></w:pPr></w:pPrDefault>"
    "</w:docDefaults>"
    "<w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name "
    "w:val=\"Normal\"/><w:qFormat/>"
    "</w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/>"
    "<w:basedOn w:val=\"Normal\"/><w:next w:val=\"Normal\"/><w:qFormat/><w:pPr><w:keepNext/>"
    "<w:spacing w:before=\"0\" w:after=\"160\"/><w:outlineLvl w:val=\"0\"/></w:pPr><w:rPr><w:b/><w:bCs/>"
    "<w:sz w:val=\"34\"/><w:szCs w:val=\"34\"/></w:rPr></w:style>"
    "<w:style w:type=\"paragraph\" w:customStyle=\"1\" w:styleId=\"Details\"><w:name w:val=\"Details\"/>"
    "<w:basedOn w:val=\"Normal\"/><w:pPr><w:spacing w:after=\"0\"/></w:pPr><w:rPr><w:color w:val=\"404040\"/>"
    "</w:rPr></w:style>"
    "<w:style w:type=\"character\" w:customStyle=\"1\" w:styleId=\"Time\"><w:name w:val=\"Time\"/><w:rPr>"
    "<w:color w:val=\"595959\"/><w:sz w:val=\"18\"/><w:szCs w:val=\"18\"/></w:rPr></w:style>"
    "<w:style w:type=\"character\" w:customStyle=\"1\" w:styleId=\"Speaker\"><w:name "
    "w:val=\"Speaker\"/><w:rPr>"
    "<w:b/><w:bCs/></w:rPr></w:style></w:styles>\n";

/* Valid UTF-8 without control characters: only markup is left to escape, and two code points that XML does
 * not allow. */
static void escape(struct buffer *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = utf8_next(text + i, len - i, &c);
        if (c == '&')
            buffer_puts(out, "&amp;");
        else if (c == '<')
            buffer_puts(out, "&lt;");
        else if (c == '>')
            buffer_puts(out, "&gt;");
        else if (c == '"')
            buffer_puts(out, "&quot;");
        else if (c == 0xFFFE || c == 0xFFFF)
            buffer_puts(out, "\xEF\xBF\xBD");
        else
            buffer_add(out, text + i, n);
        i += n;
    }
}

static void put_escaped(struct buffer *out, const struct buffer *text)
{
    out->failed = out->failed || text->failed;
    escape(out, text->len ? text->data : "", text->len);
}

/* ---- the language of the document: what its spelling is checked in, its fonts, its direction ---- */

struct script {
    const char *code;
    const char *tag;  /* as Word knows it */
    const char *font; /* for Chinese, Japanese and Korean characters, or NULL */
    bool right_to_left;
};

static const struct script scripts[] = {
    {"zh-TW", "zh-TW", "Microsoft JhengHei", false},
    {"zh-Hant", "zh-TW", "Microsoft JhengHei", false},
    {"zh-HK", "zh-HK", "Microsoft JhengHei", false},
    {"zh", "zh-CN", "Microsoft YaHei", false},
    {"ja", "ja-JP", "Yu Gothic", false},
    {"ko", "ko-KR", "Malgun Gothic", false},
    {"ar", "ar-SA", NULL, true},
    {"fa", "fa-IR", NULL, true},
    {"he", "he-IL", NULL, true},
    {"ur", "ur-PK", NULL, true},
    {"yi", "yi", NULL, true},
    {"de", "de-DE", NULL, false},
    {"en", "en-US", NULL, false},
    {"es", "es-ES", NULL, false},
    {"fr", "fr-FR", NULL, false},
    {"it", "it-IT", NULL, false},
    {"pt", "pt-PT", NULL, false},
    {"ru", "ru-RU", NULL, false},
};

/* "en" is the beginning of "en" and of "en-GB". */
static bool begins_tag(const char *tag, const char *code)
{
    size_t n = strlen(code);
    return strncasecmp(tag, code, n) == 0 && (!tag[n] || tag[n] == '-');
}

static const struct script *script_of(const struct transcript *t)
{
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (t->language && begins_tag(t->language, scripts[i].code))
            return &scripts[i];
    }
    const char *code = phrases_of(t)->code;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts && (!t->language || strcmp(code, "en") != 0);
         i++) {
        if (strcmp(scripts[i].code, code) == 0)
            return &scripts[i];
    }
    return NULL;
}

static void put_styles(const struct transcript *t, const struct script *script, struct buffer *out)
{
    cleanup_buffer struct buffer tag = {0};
    const char *code = t->language ? t->language : "en-US";
    bool region = strchr(code, '-') != NULL;
    escape(&tag, script && !region ? script->tag : code, strlen(script && !region ? script->tag : code));
    out->failed = out->failed || tag.failed;
    const char *own = tag.data ? tag.data : "en-US", *east = "zh-CN", *right = "ar-SA";
    if (script && script->font) {
        east = script->tag;
        own = "en-US";
    } else if (script && script->right_to_left) {
        right = own;
        own = "en-US";
    }
    buffer_puts(out, XML "<w:styles " W "><w:docDefaults><w:rPrDefault><w:rPr>"
                         "<w:rFonts w:ascii=\"Calibri\" w:hAnsi=\"Calibri\" w:cs=\"Arial\"");
    if (script && script->font)
        buffer_printf(out, " w:eastAsia=\"%s\"", script->font);
    buffer_printf(out,
                  "/><w:sz w:val=\"22\"/><w:szCs w:val=\"22\"/>"
                  "<w:lang w:val=\"%s\" w:eastAsia=\"%s\" w:bidi=\"%s\"/></w:rPr></w:rPrDefault>",
                  own, east, right);
    buffer_puts(out, styles_rest);
}

/* ---- the document ---- */

struct writer {
    struct buffer *out;
    bool right_to_left;
};

static void begin_paragraph(const struct writer *w, const char *style)
{
    buffer_printf(w->out, "<w:p><w:pPr><w:pStyle w:val=\"%s\"/>%s</w:pPr>", style,
                  w->right_to_left ? "<w:bidi/>" : "");
}

static void begin_run(const struct writer *w, const char *style)
{
    buffer_puts(w->out, "<w:r>");
    if (style || w->right_to_left)
        buffer_printf(w->out, "<w:rPr>%s%s%s%s</w:rPr>", style ? "<w:rStyle w:val=\"" : "",
                      style ? style : "", style ? "\"/>" : "", w->right_to_left ? "<w:rtl/>" : "");
    buffer_puts(w->out, "<w:t xml:space=\"preserve\">");
}

static void end_run(const struct writer *w)
{
    buffer_puts(w->out, "</w:t></w:r>");
}

static void end_paragraph(const struct writer *w)
{
    buffer_puts(w->out, "</w:p>\n");
}

static int put_header(const struct writer *w, const struct transcript *t, const struct render_source *source)
{
    cleanup_header struct header header = {0};
    int rc = header_of(t, source, &header);
    if (rc)
        return rc;
    if (header.title.len) {
        begin_paragraph(w, "Heading1");
        begin_run(w, NULL);
        put_escaped(w->out, &header.title);
        end_run(w);
        end_paragraph(w);
    }
    for (size_t i = 0; i < header.count; i++) {
        begin_paragraph(w, "Details");
        begin_run(w, "Speaker");
        buffer_printf(w->out, "%s%s", header.lines[i].label, phrases_of(t)->after);
        end_run(w);
        begin_run(w, NULL);
        put_escaped(w->out, &header.lines[i].value);
        end_run(w);
        end_paragraph(w);
    }
    begin_paragraph(w, "Normal");
    end_paragraph(w);
    return 0;
}

static void put_turn(const struct writer *w, const struct turns *turns, size_t i, bool timestamp)
{
    begin_paragraph(w, "Normal");
    if (timestamp) {
        begin_run(w, "Time");
        buffer_puts(w->out, "[");
        turns_put_time(turns->items[i].begin_ms, w->out);
        buffer_puts(w->out, "] ");
        end_run(w);
    }
    cleanup_buffer struct buffer voice = {0};
    bool named = turns_put_voice(turns, i, &voice);
    if (voice.len) {
        begin_run(w, "Speaker");
        put_escaped(w->out, &voice);
        buffer_puts(w->out, named ? turns->voices.phrases->after : " ");
        end_run(w);
    }
    begin_run(w, NULL);
    turns_put_text(turns, i, false, escape, w->out);
    end_run(w);
    end_paragraph(w);
}

static int put_document(const struct transcript *t, const struct render_source *source,
                        const struct script *script, struct buffer *out)
{
    const struct render_look *look = source ? source->look : NULL;
    struct writer w = {out, script && script->right_to_left};
    cleanup_turns struct turns turns = {0};
    int rc = turns_of(t, look, &turns);
    buffer_puts(out, XML "<w:document " W " xmlns:r=\"" RELATIONS "\"><w:body>\n");
    if (!rc)
        rc = put_header(&w, t, source);
    if (rc)
        return rc;
    for (size_t i = 0; i < turns.count; i++)
        put_turn(&w, &turns, i, !(look && look->no_timestamps));
    if (!turns.count) {
        begin_paragraph(&w, "Normal");
        begin_run(&w, NULL);
        buffer_printf(out, "[%s]", turns.voices.phrases->nothing);
        end_run(&w);
        end_paragraph(&w);
    }
    /* A4 with margins of 2.5 cm, in twentieths of a point */
    buffer_puts(out, "<w:sectPr><w:footerReference w:type=\"default\" r:id=\"rId2\"/>"
                     "<w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"1417\" w:right=\"1417\" "
                     "w:bottom=\"1417\" w:left=\"1417\" w:header=\"708\" w:footer=\"708\" w:gutter=\"0\"/>"
                     "</w:sectPr></w:body></w:document>\n");
    return buffer_error(out);
}

static void put_properties(const struct render_source *source, struct buffer *out)
{
    cleanup_buffer struct buffer title = {0};
    struct tm utc;
    time_t finished = source ? (time_t)(source->finished_ms / 1000) : 0;
    char date[64] = "";
    header_put_title(source, &title);
    if (finished > 0 && gmtime_r(&finished, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    buffer_puts(out, XML
                "<cp:coreProperties "
                "xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" "
                "xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" "
                "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>");
    put_escaped(out, &title);
    buffer_puts(out, "</dc:title><dc:creator>scribefs</dc:creator>");
    if (date[0])
        buffer_printf(out,
                      "<dcterms:created xsi:type=\"dcterms:W3CDTF\">%s</dcterms:created>"
                      "<dcterms:modified xsi:type=\"dcterms:W3CDTF\">%s</dcterms:modified>",
                      date, date);
    buffer_puts(out, "</cp:coreProperties>\n");
}

int render_docx(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    const struct script *script = script_of(t);
    cleanup_buffer struct buffer document = {0}, styles = {0}, properties = {0};
    int rc = put_document(t, source, script, &document);
    put_styles(t, script, &styles);
    put_properties(source, &properties);
    if (rc || buffer_error(&styles) || buffer_error(&properties))
        return -ENOMEM;
    const struct zip_part parts[] = {
        {"[Content_Types].xml", content_types, sizeof content_types - 1},
        {"_rels/.rels", package_relations, sizeof package_relations - 1},
        {"word/document.xml", document.data, document.len},
        {"word/_rels/document.xml.rels", document_relations, sizeof document_relations - 1},
        {"word/styles.xml", styles.data, styles.len},
        {"word/footer1.xml", footer, sizeof footer - 1},
        {"docProps/core.xml", properties.data, properties.len},
    };
    return zip_files(parts, sizeof parts / sizeof *parts, out);
}
