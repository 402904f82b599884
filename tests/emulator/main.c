/* Alibaba Cloud Model Studio on loopback, for tests: what the service would refuse is refused, with its
 * status, code and message; what it would accept is done for real: URLs are downloaded, signatures verified,
 * audio recognised.
 *
 *     emulator --port 0 --state DIR [--worker PROGRAM] [--key sk-test]
 *
 * The first line of standard output is the port, on 127.0.0.1, and with --tls-certificate a second one that
 * speaks TLS; then the addresses it gives out begin with https. It ends on SIGTERM, SIGINT or the end of
 * standard input, and keeps its state in DIR: started again with it, tasks, objects and vocabularies are
 * still there.
 *
 * Hosts: 127.0.0.1 is the API of --region. By name (curl and libcurl know that *.localhost is loopback;
 * behind any suffix the same): dashscope.localhost, dashscope-intl.…, dashscope-us.…,
 * {workspace}.{region}.maas.…, {bucket}.oss-{region}.…, {bucket}.oss-accelerate.…, {bucket}.s3.oss-{region}.…
 * (S3 face of OSS), s3.{region}.… (a plain S3 store, path style too).
 *
 * Endpoints, by the names that faults and counters use:
 *   submit      POST /api/v1/services/audio/asr/transcription
 *   query       GET, POST /api/v1/tasks/{id}         list    GET /api/v1/tasks/
 *   cancel      POST /api/v1/tasks/{id}/cancel       token   POST /api/v1/tokens?expire_in_seconds=N
 *   sync        POST /api/v1/services/aigc/multimodal-generation/generation   [X-DashScope-SSE]
 *   chat        POST /compatible-mode/v1/chat/completions
 *   policy      GET /api/v1/uploads?action=getPolicy&model=M                  upload  POST {upload_host}/
 *   vocabulary  POST /api/v1/services/audio/asr/customization
 *   result      GET of a transcription_url
 *   bucket      objects (PUT GET HEAD DELETE, multipart), lists, POST ?delete; OSS V1 and V4, AWS V4
 *   callback    what the emulator POSTs to the switch callback_url
 *
 * Control, without a key, JSON unless said otherwise:
 *   GET POST        /_emulator/config[?help=1]        switches (config.h)
 *   GET POST DELETE /_emulator/faults[/ID]            faults (faults.h); POST one rule or an array:
 * {"ids":[…]} GET POST DELETE /_emulator/scripts                scripted results (scripts.h); POST one or an
 * array GET POST        /_emulator/clock                  {"speed":N,"advance_ms":N}: {"now_ms","speed"} GET
 * DELETE      /_emulator/counters               {group:{name:n}}: requests, statuses, keys, tasks,
 * tasks_by_model, unheard (requests whose answer nobody heard, by endpoint), submits_by_audio (sha256), submits_by_url, submits_by_model_and_audio, queries_by_task,
 * throttled, peak_per_second, objects, violations, callbacks, faults; "now": tasks, objects and open uploads
 * by bucket. DELETE also forgets requests, violations and rate limits GET /_emulator/requests[?endpoint=E]
 * the latest 5000, with headers, query and JSON body GET             /_emulator/violations             what a
 * careful client would not have done GET             /_emulator/tasks[/ID]             POST …/ID {"fault":{…}
 * or null}: changes a task's fate GET POST DELETE /_emulator/callbacks              deliveries; POST
 * {"task_id",["body"],["fault"]} sends one now GET             /_emulator/certificate            PEM GET
 * /_emulator/vocabularies GET             /_emulator/buckets                POST, DELETE
 * …/NAME[?public=1][&account=A] PUT GET DELETE  /_emulator/buckets/NAME/KEY       content, past every
 * signature GET POST        /_emulator/keys                   {"key":"sk-…[@region,…]"} or
 * {"oss_id","oss_secret"[,"token"]},
 *                                                     ["account"],["expires_ms"]; DELETE …/KEY
 *   POST            /_emulator/reset                  switches, faults, scripts, counters, clock speed as at
 * the start */
#include <curl/curl.h>
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/child.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/server.h"
#include "tests/emulator/setup.h"
#include "tests/emulator/state.h"

enum { KILL_AGAIN_MS = 50 };

/* Until somebody asks for the end. */
static void wait_for_end(void)
{
    sigset_t set;
    char block[256];
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    cleanup_close int signals = signalfd(-1, &set, SFD_CLOEXEC);
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents || (fds[1].revents && read(STDIN_FILENO, block, sizeof block) <= 0))
            return;
    }
}

/* A program just being started may miss the first kill, so it is repeated until the threads that wait for
 * them are done. */
static void *kill_children(void *arg)
{
    struct emulator *emu = arg;
    emu_lock(emu);
    while (!emu->stopped) {
        child_kill_all(emu);
        emu_wait(emu, KILL_AGAIN_MS);
    }
    emu_unlock(emu);
    return NULL;
}

static void stop(struct emulator *emu, struct server *server)
{
    pthread_t killer;
    emu_lock(emu);
    emu->stopping = true;
    pthread_cond_broadcast(&emu->changed);
    emu_unlock(emu);
    bool killing = !pthread_create(&killer, NULL, kill_children, emu);
    server_stop(server);
    tasks_stop(emu);
    callbacks_stop(emu);
    emu_lock(emu);
    emu->stopped = true;
    pthread_cond_broadcast(&emu->changed);
    emu_unlock(emu);
    if (killing)
        pthread_join(killer, NULL);
}

static int run(struct emulator *emu)
{
    struct server server;
    if (server_start(emu, &server) != 0)
        return 1;
    int rc = tasks_start(emu);
    if (!rc)
        rc = callbacks_start(emu);
    if (!rc) {
        printf("%d", emu->port);
        if (emu->tls_port)
            printf(" %d", emu->tls_port);
        printf("\n");
        fflush(stdout);
        wait_for_end();
    }
    stop(emu, &server);
    int saved = state_save(emu);
    if (saved)
        fprintf(stderr, "emulator: cannot write the state: %s\n", strerror(-saved));
    return rc || saved ? 1 : 0;
}

int main(int argc, char **argv)
{
    sigset_t set;
    struct emulator *emu = xcalloc(1, sizeof *emu);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int rc = setup(emu, argc, argv);
    if (!rc)
        rc = run(emu);
    setup_free(emu);
    free(emu);
    curl_global_cleanup();
    return rc < 0 ? 0 : rc;
}
