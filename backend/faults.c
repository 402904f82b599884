/* The service's error codes and what they mean. The first row that fits counts. */
#include "backend/faults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "backend/http.h"

/* Not real errors, only ways to say so. */
#define SILENCE "silence"
#define DOWNLOAD "cloud.download"

/* clang-format off */
static const struct fault_row rows[] = {
    /* No speech: the service knows three ways to say it. */
    {0, "SUCCESS_WITH_NO_VALID_FRAGMENT", NULL, ERROR_NONE, SILENCE},
    {0, "ASR_RESPONSE_HAVE_NO_WORDS", NULL, ERROR_NONE, SILENCE},

    /* The audio could not be fetched. */
    {0, "InvalidFile.DownloadFailed", NULL, ERROR_PERMANENT, DOWNLOAD},
    {0, "FILE_DOWNLOAD_FAILED", NULL, ERROR_PERMANENT, DOWNLOAD},
    {0, "FILE_404_NOT_FOUND", NULL, ERROR_PERMANENT, DOWNLOAD},
    {0, "FILE_403_FORBIDDEN", NULL, ERROR_PERMANENT, DOWNLOAD},
    {0, "FILE_SERVER_ERROR", NULL, ERROR_TRANSIENT, DOWNLOAD},
    {0, "CONTENT_LENGTH_CHECK_FAILED", NULL, ERROR_PERMANENT, DOWNLOAD},
    {0, "REQUEST_INVALID_FILE_URL_VALUE", NULL, ERROR_PERMANENT, DOWNLOAD},
    {0, "BadRequest.InputDownloadFailed", NULL, ERROR_PERMANENT, DOWNLOAD},
    {0, "InvalidURL*", NULL, ERROR_PERMANENT, DOWNLOAD},
    {0, "InvalidParameter.DataInspection", NULL, ERROR_PERMANENT, DOWNLOAD},

    /* The audio itself. */
    {0, "InvalidFile.AudioLengthError", NULL, ERROR_PERMANENT, "media.too_long"},
    {0, "AUDIO_DURATION_TOO_LONG", NULL, ERROR_PERMANENT, "media.too_long"},
    {0, "Audio.DurationLimitError", NULL, ERROR_PERMANENT, "media.too_long"},
    {0, "FILE_TOO_LARGE", NULL, ERROR_PERMANENT, "media.too_large"},
    {0, "FileSizeExceed", NULL, ERROR_PERMANENT, "media.too_large"},
    {0, "Audio.FileSizeExceed", NULL, ERROR_PERMANENT, "media.too_large"},
    {0, "BadRequest.TooLarge", NULL, ERROR_PERMANENT, "media.too_large"},
    {0, "InvalidFile.DecodeFailed", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "InvalidFile*", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "FILE_CHECK_FAILED", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "FILE_NORMALIZE_FAILED", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "FILE_PARSE_FAILED", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "MKV_PARSE_FAILED", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "DECODE_ERROR", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "UNSUPPORTED_FORMAT", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "BadRequest.UnsupportedFileFormat", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "NO_VALID_AUDIO_ERROR", NULL, ERROR_PERMANENT, "media.no_audio"},
    {0, "NO_INPUT_AUDIO_ERROR", NULL, ERROR_PERMANENT, "media.no_audio"},
    {0, "Audio.AudioShortError", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "Audio.AudioSilentError", NULL, ERROR_PERMANENT, "media.no_audio"},
    {0, "AudioSilentError", NULL, ERROR_PERMANENT, "media.no_audio"},
    {0, "Audio.*", NULL, ERROR_PERMANENT, "media.decode"},
    {430, "*", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "DataInspectionFailed", NULL, ERROR_PERMANENT, "cloud.refused"},
    {0, "data_inspection_failed", NULL, ERROR_PERMANENT, "cloud.refused"},

    /* Keys and permissions. */
    {0, "InvalidApiKey", NULL, ERROR_PERSON, "cloud.key"},
    {0, "invalid_api_key", NULL, ERROR_PERSON, "cloud.key"},
    {0, "NOT AUTHORIZED", NULL, ERROR_PERSON, "cloud.permission"},
    {0, "AllocationQuota.FreeTierOnly", NULL, ERROR_PERSON, "cloud.money"},
    {0, "AccessDenied", "ynchronous calls", ERROR_PERSON, "cloud.model"},
    {0, "AccessDenied*", NULL, ERROR_PERSON, "cloud.permission"},
    {0, "access_denied", NULL, ERROR_PERSON, "cloud.permission"},
    {0, "Model.AccessDenied", NULL, ERROR_PERSON, "cloud.permission"},
    {0, "Workspace.AccessDenied", NULL, ERROR_PERSON, "cloud.permission"},
    {0, "App.AccessDenied", NULL, ERROR_PERSON, "cloud.permission"},
    {0, "WorkSpaceNotFound", NULL, ERROR_PERSON, "cloud.permission"},

    /* Money. */
    {0, "Arrearage", NULL, ERROR_PERSON, "cloud.money"},
    {0, "CommodityNotPurchased", NULL, ERROR_PERSON, "cloud.money"},
    {0, "PrepaidBillOverdue", NULL, ERROR_PERSON, "cloud.money"},
    {0, "PostpaidBillOverdue", NULL, ERROR_PERSON, "cloud.money"},

    /* Models and settings. */
    {0, "ModelNotFound", NULL, ERROR_PERSON, "cloud.model"},
    {0, "model_not_found", NULL, ERROR_PERSON, "cloud.model"},
    {0, "model_not_supported", NULL, ERROR_PERSON, "cloud.model"},
    {0, "InvalidParameter", "Model not exist", ERROR_PERSON, "cloud.model"},
    {0, "BadRequest.ResourceNotExist", NULL, ERROR_PERSON, "cloud.vocabulary"},
    {0, "InvalidParameter", "ocabulary", ERROR_PERSON, "cloud.vocabulary"},
    {0, "Conflict", NULL, ERROR_PERMANENT, "cloud.request"},

    /* Too much at once. "Free allocated quota exceeded" counts things that exist, not requests: waiting does not help. */
    {0, "Throttling.AllocationQuota", "Free allocated quota", ERROR_PERSON, "cloud.quota"},
    {0, "Throttling*", NULL, ERROR_TRANSIENT, "cloud.busy"},
    {0, "LimitRequests", NULL, ERROR_TRANSIENT, "cloud.busy"},
    {0, "limit_requests", NULL, ERROR_TRANSIENT, "cloud.busy"},
    {0, "limit_burst_rate", NULL, ERROR_TRANSIENT, "cloud.busy"},
    {0, "insufficient_quota", "Free allocated quota", ERROR_PERSON, "cloud.quota"},
    {0, "insufficient_quota", NULL, ERROR_TRANSIENT, "cloud.busy"},
    {0, "ModelServingError", NULL, ERROR_TRANSIENT, "cloud.busy"},

    /* The service's own trouble. */
    {0, "InternalError*", NULL, ERROR_TRANSIENT, "cloud.down"},
    {0, "internal_error", NULL, ERROR_TRANSIENT, "cloud.down"},
    {0, "SystemError", NULL, ERROR_TRANSIENT, "cloud.down"},
    {0, "ModelServiceFailed", NULL, ERROR_TRANSIENT, "cloud.down"},
    {0, "RequestTimeOut", NULL, ERROR_TRANSIENT, "cloud.down"},
    {0, "ResponseTimeout", NULL, ERROR_TRANSIENT, "cloud.down"},
    {0, "ModelUnavailable", NULL, ERROR_TRANSIENT, "cloud.down"},
    {0, "ClientDisconnect", NULL, ERROR_TRANSIENT, "cloud.network"},
    {0, "FILE_TRANS_TASK_EXPIRED", NULL, ERROR_TRANSIENT, "cloud.expired"},

    /* By status alone: gateways answer with HTML or nothing. */
    {401, "*", NULL, ERROR_PERSON, "cloud.key"},
    {402, "*", NULL, ERROR_PERSON, "cloud.money"},
    {403, "*", NULL, ERROR_PERSON, "cloud.permission"},
    {404, "*", NULL, ERROR_PERSON, "cloud.address"},
    {405, "*", NULL, ERROR_PERSON, "cloud.address"},
    {301, "*", NULL, ERROR_PERSON, "cloud.address"}, /* nobody is followed elsewhere with the key */
    {302, "*", NULL, ERROR_PERSON, "cloud.address"},
    {303, "*", NULL, ERROR_PERSON, "cloud.address"},
    {307, "*", NULL, ERROR_PERSON, "cloud.address"},
    {308, "*", NULL, ERROR_PERSON, "cloud.address"},
    {408, "*", NULL, ERROR_TRANSIENT, "cloud.down"},
    {413, "*", NULL, ERROR_PERMANENT, "media.too_large"},
    {425, "*", NULL, ERROR_TRANSIENT, "cloud.busy"},
    {429, "*", NULL, ERROR_TRANSIENT, "cloud.busy"},
    {0, NULL, NULL, ERROR_NONE, NULL},
};
/* clang-format on */

const struct fault_row *fault_rows(void)
{
    return rows;
}

static bool code_fits(const char *pattern, const char *code)
{
    size_t len = strlen(pattern);
    if (len && pattern[len - 1] == '*')
        return strncasecmp(pattern, code, len - 1) == 0;
    return strcasecmp(pattern, code) == 0;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* Some answers carry the code in the message only. */
static const struct fault_row *find(const struct fault *fault)
{
    const char *code = or_empty(fault->code), *message = or_empty(fault->message);
    for (const struct fault_row *row = rows; row->key; row++) {
        bool silent = row->class == ERROR_NONE && strstr(message, row->code);
        if (silent || ((!row->status || row->status == fault->status) && code_fits(row->code, code) &&
                       (!row->message_part || strstr(message, row->message_part))))
            return row;
    }
    return NULL;
}

bool fault_is_silence(const struct fault *fault)
{
    const struct fault_row *row = find(fault);
    return row && row->class == ERROR_NONE;
}

bool fault_is_download(const struct fault *fault)
{
    const struct fault_row *row = find(fault);
    return row && strcmp(row->key, DOWNLOAD) == 0;
}

/* The service's words on one line, without what could drive a terminal, and without the signatures of
 * addresses: who has those can read the recording. */
static void one_line(const char *text, char *line, size_t size)
{
    size_t n = 0;
    bool address = false;
    for (size_t i = 0; text[i] && n + 4 < size; i++) {
        char c = (unsigned char)text[i] < ' ' || text[i] == 0x7F ? ' ' : text[i];
        address = strncmp(text + i, "://", 3) == 0 || (address && c != ' ');
        line[n++] = c;
        if (address && c == '?') {
            memcpy(line + n, "...", 3);
            n += 3;
            i += strcspn(text + i, " \t\r\n\"'<>,") - 1;
        }
    }
    while (n && (line[n - 1] == ' ' || (line[n - 1] == '.' && !(n > 3 && line[n - 4] == '?'))))
        n--;
    line[n] = '\0';
}

void fault_explain(const struct fault *fault, struct error *err)
{
    const struct fault_row *row = find(fault);
    enum error_class class = row ? row->class : fault->status >= 500 ? ERROR_TRANSIENT : ERROR_PERMANENT;
    const char *key = row ? row->key : fault->status >= 500 ? "cloud.down" : "cloud.request";
    char code[64], message[220], id[64];
    one_line(or_empty(fault->code), code, sizeof code);
    one_line(or_empty(fault->message), message, sizeof message);
    one_line(or_empty(fault->request_id), id, sizeof id);
    char status[24] = "";
    if (fault->status && fault->status != 200)
        snprintf(status, sizeof status, "HTTP %d", fault->status);
    bool text = message[0] && strcmp(message, code) != 0;
    error_set(err, class, EREMOTEIO, key, "%s%s%s%s%s%s%s%s", status, status[0] && code[0] ? " " : "", code,
              (status[0] || code[0]) && text ? ": " : "", text ? message : "", id[0] ? " (request " : "", id,
              id[0] ? ")" : "");
}

void fault_of_transport(const struct http_response *response, const char *doing, struct error *err)
{
    static const struct {
        enum error_class class;
        const char *key;
    } ends[] = {
        [HTTP_ANSWERED] = {ERROR_TRANSIENT, "cloud.answer"},
        [HTTP_NO_CONNECTION] = {ERROR_TRANSIENT, "cloud.network"},
        [HTTP_UNTRUSTED] = {ERROR_PERSON, "cloud.untrusted"},
        [HTTP_BROKEN] = {ERROR_TRANSIENT, "cloud.network"},
        [HTTP_TIMEOUT] = {ERROR_TRANSIENT, "cloud.network"},
        [HTTP_TOO_LARGE] = {ERROR_PERMANENT, "cloud.answer"},
        [HTTP_SOURCE] = {ERROR_TRANSIENT, "io.read"},
        [HTTP_INTERNAL] = {ERROR_TRANSIENT, "cloud.network"},
    };
    enum error_class class = ends[response->end].class;
    if (response->end == HTTP_SOURCE && response->sys == ENODATA)
        class = ERROR_CHANGED;
    error_set(err, class, response->sys ? response->sys : EIO, ends[response->end].key, "%s: %s", doing,
              response->detail[0] ? response->detail : "the answer was not understood");
}
