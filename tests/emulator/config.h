/* The switches of the service, readable and settable at run time by name. */
#pragma once

#include <stdint.h>

struct cJSON;

enum { CONFIG_TEXT = 256 };

/* name, default, meaning. Times are milliseconds of the emulator's clock unless "real" is said. */
#define CONFIG_NUMBERS(X)                                                                                    \
    X(pending_ms, 20, "how long a task is PENDING")                                                          \
    X(running_ms, 50, "how long a task is RUNNING at least")                                                 \
    X(pending_queries, 0, "queries that a task answers with PENDING first")                                  \
    X(running_queries, 0, "queries that a task then answers with RUNNING")                                   \
    X(task_keep_ms, 86400000, "a finished task is UNKNOWN after this")                                       \
    X(result_keep_ms, 86400000, "life of a transcription_url")                                               \
    X(upload_keep_ms, 172800000, "life of an oss:// URL")                                                    \
    X(policy_keep_ms, 300000, "life of an upload certificate")                                               \
    X(policy_max_mb, 100, "largest temporary upload")                                                        \
    X(policy_qps, 100, "getPolicy calls per real second, account and model")                                 \
    X(query_qps, 20, "queries per real second and account; 0: no limit")                                     \
    X(submit_rpm, 0, "submits per real minute, account and model; 0: the service's table; -1: no limit")     \
    X(submit_burst, 0, "1: the submit limit also holds per second, at RPM/60")                               \
    X(max_file_urls, 100, "URLs in one submit")                                                              \
    X(max_file_bytes, 2147483648, "largest audio of a task")                                                 \
    X(max_duration_ms, 43200000, "longest audio of a task")                                                  \
    X(diarization_max_ms, 7200000, "longest audio with diarization; more ends in InternalError.Timeout")     \
    X(sync_max_ms, 300000, "longest audio of a synchronous call")                                            \
    X(sync_max_bytes, 10485760, "largest qwen3-asr-flash audio, as a base64 data URI or behind a URL")       \
    X(flash_max_data_uri, 20971520, "largest fun-asr-flash data URI")                                        \
    X(strict, 0, "1: unknown parameters are refused, context order is enforced")                             \
    X(chunked, 1, "0: answers carry Content-Length instead of chunks")                                       \
    X(path_style, 0, "1: OSS buckets may be addressed as http://127.0.0.1:PORT/bucket/key")                  \
    X(sse_interval_ms, 5, "real pause between events of a stream")                                           \
    X(sse_snapshots, 0, "1: fun-asr-flash streams growing, unfinished sentences in between")                 \
    X(sse_multi_ms, 60000, "audio from this length on gives several events (fun-asr-flash)")                 \
    X(sse_crlf, 0, "1: lines of a stream end with CR LF")                                                    \
    X(sse_space, 0, "1: a space after the colon in streams")                                                 \
    X(sse_done, 0, "1: DashScope streams end with data:[DONE]")                                              \
    X(vocabulary_deploy_ms, 0, "how long a new or changed vocabulary is UNDEPLOYED")                         \
    X(part_min_bytes, 102400, "smallest part of a multipart upload but the last")                            \
    X(callback_delay_ms, 1000, "from the end of a task to its event")                                        \
    X(callback_contain_result, 1, "0: events carry only the id and the state")                               \
    X(callback_result_text, 0, "1: output_result is a JSON text, not an object")                             \
    X(callback_usage_inside, 0, "1: usage sits in output_result.output")                                     \
    X(callback_v1_newline, 0, "1: V1 string to sign ends with a line feed")                                  \
    X(callback_retries, 3, "deliveries tried again after a failure")                                         \
    X(callback_retry_ms, 15000, "pause before trying again")                                                 \
    X(log_bodies, 4096, "bytes of each request body kept in the request log")

#define CONFIG_TEXTS(X)                                                                                      \
    X(layout, "auto", "shape of fun-asr-flash answers: auto (by host), legacy, maas")                        \
    X(url_hosts, "names", "URLs given out: names (*.localhost), ip (path style on 127.0.0.1)")               \
    X(url_suffix, "localhost", "what those names end in")                                                    \
    X(no_speech, "subtask", "silence in a task: subtask, task, status, empty")                               \
    X(all_failed, "failed", "every subtask failed: failed, succeeded")                                       \
    X(unknown_model, "400", "status for an unknown model: 400, 404")                                         \
    X(sse_short, "sse", "fun-asr-flash with SSE on short audio: sse, json")                                  \
    X(sse_errors, "json", "errors of a streaming call: json, stream (non-200), event (in a 200 stream)")     \
    X(sse_status, "comment", "status in an error event: comment, line, none")                                \
    X(workspaces, "", "known workspaces, comma separated; empty: all")                                       \
    X(reserved_words, "", "the built-in sensitive words, comma separated")                                   \
    X(callback_url, "", "where finished tasks are announced; empty: nowhere")                                \
    X(callback_versions, "v2", "signatures of events: v2, v1, both, none")                                   \
    X(callback_token, "", "x-eventbridge-signature-token")                                                   \
    X(callback_suffix, "", "only events whose user_api_unique_key ends so")

struct config {
#define FIELD(name, value, text) int64_t name;
    CONFIG_NUMBERS(FIELD)
#undef FIELD
#define FIELD(name, value, text) char name[CONFIG_TEXT];
    CONFIG_TEXTS(FIELD)
#undef FIELD
};

void config_defaults(struct config *c);
/* Sets what `object` names. NULL, or the first key that is unknown or has a value of the wrong type. */
const char *config_set(struct config *c, const struct cJSON *object);
struct cJSON *config_json(const struct config *c); /* every switch with its value */
struct cJSON *config_help(void);                   /* every switch with its meaning */
