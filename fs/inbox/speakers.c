/* Reads what people write into talk.speakers.txt. */
#include "fs/inbox/speakers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/cleanup.h"
#include "fs/inbox/user_text.h"

enum { NAME_MOST = 100 /* bytes */, NUMBER_MOST = 100 };

bool speakers_is_file(const char *name)
{
    size_t len = strlen(name), cut = strlen(SPEAKERS_SUFFIX);
    return len > cut && strcmp(name + len - cut, SPEAKERS_SUFFIX) == 0;
}

bool speakers_file_name(const char *base, char name[NAME_SIZE])
{
    int n = snprintf(name, NAME_SIZE, "%s%s", base, SPEAKERS_SUFFIX);
    return n > 0 && n < NAME_SIZE;
}

static const char *skip_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    return strncasecmp(text, word, n) == 0 ? text + n + strspn(text + n, " \t") : NULL;
}

static int on_line(const char *line, int number, struct render_look *look, struct folder_mistakes *mistakes)
{
    struct look_names *names = &look->speaker_names;
    const char *rest = skip_word(line, "channel");
    if (!*line || *line == '#' || *line == ';')
        return 0;
    if (rest)
        names = &look->channel_names;
    else if (!(rest = skip_word(line, "speaker")))
        rest = line;
    char *end = NULL;
    long n = isdigit((unsigned char)*rest) ? strtol(rest, &end, 10) : 0;
    end = end ? end + strspn(end, " \t") : NULL;
    if (!end || (*end != '=' && *end != ':'))
        return folder_mistake_add(mistakes, number, "a line such as \"1 = Alice\" is expected");
    if (n < 1 || n > NUMBER_MOST)
        return folder_mistake_add(mistakes, number, "speakers and channels are counted from 1 to %d",
                                  NUMBER_MOST);
    end++;
    end += strspn(end, " \t");
    if (strlen(end) > NAME_MOST)
        return folder_mistake_add(mistakes, number, "a name has at most %d bytes", NAME_MOST);
    return look_name(names, (int)n - 1, end);
}

int speakers_parse(const char *data, size_t len, struct render_look *look, struct folder_mistakes *mistakes)
{
    *mistakes = (struct folder_mistakes){.rest_counts = true};
    cleanup_free char *text = NULL;
    int rc = user_text(data, len, &text), number = 0;
    if (rc == -EILSEQ)
        return folder_mistake_add(mistakes, 0, "this is not a text file");
    char *at = text, *line;
    while (rc == 0 && (line = user_text_line(&at)))
        rc = on_line(line, ++number, look, mistakes);
    return rc;
}
