/* Finds the installed recognisers and tells their models apart. */
#include "backend/local/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"

#define SPHINX_MODEL "/usr/share/pocketsphinx/model/en-us" /* Debian's pocketsphinx-en-us */

/* Read from either end of a model file: enough to tell models apart, cheap for any size. */
enum { SAMPLE = 64 * 1024 };

const char *engine_name(enum local_engine engine)
{
    return engine == LOCAL_POCKETSPHINX ? "pocketsphinx" : "vosk";
}

static bool path_in(char *out, const char *dir, const char *file)
{
    return snprintf(out, PATH_MAX, "%s/%s", dir, file) < PATH_MAX;
}

static bool has(const char *dir, const char *file)
{
    char path[PATH_MAX];
    return path_in(path, dir, file) && access(path, R_OK) == 0;
}

/* Where older Vosk models keep the acoustic model, and newer ones. */
static const char *vosk_acoustic(const char *dir)
{
    return has(dir, "am/final.mdl") ? "am/final.mdl" : "final.mdl";
}

/* Printable ASCII only: a name for messages and JSON. */
static void set_name(struct engine_choice *c, const char *text)
{
    size_t n = 0;
    for (; *text && *text != '\n' && n + 1 < sizeof c->model; text++)
        c->model[n++] = *text >= ' ' && *text < 0x7f ? *text : '?';
    while (n && c->model[n - 1] == ' ')
        n--;
    c->model[n] = '\0';
}

/* The directory's name, as models are unpacked under theirs; a bare "model" says nothing, so then its
 * README's first line. */
static void name_model(struct engine_choice *c)
{
    cleanup_free char *real = realpath(c->directory, NULL);
    const char *path = real ? real : c->directory;
    const char *slash = strrchr(path, '/');
    set_name(c, slash && slash[1] ? slash + 1 : path);
    char readme[PATH_MAX], line[ENGINE_NAME];
    if (strcmp(c->model, "model") || !path_in(readme, c->directory, "README"))
        return;
    cleanup_file FILE *f = fopen(readme, "re");
    if (f && fgets(line, sizeof line, f) && line[0] > ' ')
        set_name(c, line);
}

static int find_vosk(const struct local_settings *s, struct engine_choice *out, struct error *err)
{
    if (!s->vosk_library || access(s->vosk_library, R_OK))
        return error_set(err, ERROR_PERSON, ENOENT, "engine.missing",
                         "the library of Vosk is not installed%s%s; make deps installs it",
                         s->vosk_library ? " as " : "", s->vosk_library ? s->vosk_library : "");
    if (!s->model || !has(s->model, vosk_acoustic(s->model)))
        return error_set(err, ERROR_PERSON, ENOENT, "engine.missing",
                         "no model of Vosk is installed%s%s; make deps installs the English one",
                         s->model ? " in " : "", s->model ? s->model : "");
    *out = (struct engine_choice){.engine = LOCAL_VOSK, .directory = s->model};
    name_model(out);
    return 0;
}

static int find_sphinx(const struct local_settings *s, struct engine_choice *out, struct error *err)
{
    const char *dir = s->sphinx_model ? s->sphinx_model : SPHINX_MODEL;
    if (!has(dir, "en-us/mdef") || !has(dir, "en-us.lm.bin") || !has(dir, "cmudict-en-us.dict"))
        return error_set(err, ERROR_PERSON, ENOENT, "engine.missing",
                         "the model of PocketSphinx is not installed in %s; make deps installs it "
                         "(Debian package pocketsphinx-en-us)",
                         dir);
    *out = (struct engine_choice){.engine = LOCAL_POCKETSPHINX, .directory = dir};
    name_model(out);
    return 0;
}

int engine_choose(const struct local_settings *s, enum local_engine wanted, struct engine_choice *out,
                  struct error *err)
{
    if (wanted == LOCAL_POCKETSPHINX)
        return find_sphinx(s, out, err);
    struct error missing;
    int rc = find_vosk(s, out, &missing);
    if (rc && wanted == LOCAL_AUTO && !find_sphinx(s, out, NULL))
        return 0; /* *err is as it was: nothing is wrong */
    if (rc && err)
        *err = missing;
    return rc;
}

/* ---- fingerprint ---- */

struct model_files {
    const char *name[3]; /* relative to the model; one that does not exist counts as empty */
};

static struct model_files files_of(const struct engine_choice *c)
{
    if (c->engine == LOCAL_POCKETSPHINX)
        return (struct model_files){{"en-us/mdef", "en-us.lm.bin", "cmudict-en-us.dict"}};
    return (struct model_files){{vosk_acoustic(c->directory), "conf/model.conf", "conf/mfcc.conf"}};
}

static int digest_file(EVP_MD_CTX *digest, const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = {0};
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st))
        return -errno;
    cleanup_free char *bytes = malloc(SAMPLE);
    if (!bytes)
        return -ENOMEM;
    int64_t size = st.st_size;
    EVP_DigestUpdate(digest, &size, sizeof size);
    int64_t ends[2] = {0, size > SAMPLE ? size - SAMPLE : 0};
    for (int i = 0; i < (size > SAMPLE ? 2 : 1); i++) {
        ssize_t n = pread(fd, bytes, SAMPLE, ends[i]);
        if (n < 0)
            return -errno;
        EVP_DigestUpdate(digest, bytes, (size_t)n);
    }
    return 0;
}

/* Size and time of the files: when these are as before, so is the fingerprint. */
static void look(const struct engine_choice *c, const struct model_files *files, char *out, size_t room)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < 3; i++) {
        char path[PATH_MAX];
        struct stat st = {0};
        if (path_in(path, c->directory, files->name[i]) && stat(path, &st))
            st = (struct stat){0};
        int n = snprintf(out + used, room - used, "%d:%" PRIu64 ":%" PRId64 ":%" PRId64 ".%ld;", c->engine,
                         (uint64_t)st.st_ino, (int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec,
                         st.st_mtim.tv_nsec);
        if (n < 0 || (size_t)n >= room - used)
            return;
        used += (size_t)n;
    }
}

int engine_fingerprint(const struct engine_choice *choice, struct engine_cache *cache,
                       char out[ENGINE_FINGERPRINT + 1], struct error *err)
{
    struct model_files files = files_of(choice);
    char seen[sizeof cache->seen];
    look(choice, &files, seen, sizeof seen);
    if (strcmp(seen, cache->seen) || !cache->fingerprint[0]) {
        EVP_MD_CTX *digest = EVP_MD_CTX_new();
        int rc = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) ? 0 : -ENOMEM;
        for (size_t i = 0; !rc && i < 3; i++) {
            char path[PATH_MAX];
            rc = path_in(path, choice->directory, files.name[i]) ? digest_file(digest, path) : -ENAMETOOLONG;
        }
        unsigned char bytes[EVP_MAX_MD_SIZE];
        if (!rc)
            rc = EVP_DigestFinal_ex(digest, bytes, NULL) ? 0 : -EIO;
        EVP_MD_CTX_free(digest);
        if (rc)
            return error_set(err, ERROR_PERSON, -rc, "engine.model", "cannot read the model in %s: %s",
                             choice->directory, strerror(-rc));
        for (size_t i = 0; i < ENGINE_FINGERPRINT / 2; i++)
            snprintf(cache->fingerprint + 2 * i, 3, "%02x", bytes[i]);
        memcpy(cache->seen, seen, sizeof seen);
    }
    memcpy(out, cache->fingerprint, ENGINE_FINGERPRINT + 1);
    return 0;
}
