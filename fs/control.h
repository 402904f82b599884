/* The control socket: how scribectl, and whoever else runs as the same user, asks a running scribefs.
 *
 * STORE/state/control is a stream socket, mode 0600, answered only to the daemon's own user and root. Both
 * sides write one JSON object to a line. Requests of one client are answered in order.
 *
 *   {"command":"status","path":P,"limit":N}
 *       -> a status object: {"engine":TEXT,"trouble":TEXT or
 * null,"counts":{"arriving":N,"queued":N,"running":N,"done":N,"failed":N}, "items":[ITEM…],"omitted":N,
 * "spending":SPENDING or null (no paid service is used)}, and, for "status" where P is everything,
 * {"days":[DAY and "day":"2026-11-22"…] (the last 31, today last),"ever":DAY,"disk":{"size_bytes","available_bytes"} or
 * null,"cache":{"bytes","files","measured_ms"} or null (not measured yet),"started_ms","written_ms"}. DAY:
 * {"done","failed" (jobs that came to their end),"audio_ms" (of those that are done),"billed_ms","costs":[…] as in SUM}.
 * The same object is in MOUNT/status.json. The counts are of all recordings at P; "items" are the first N (default 1000, the running ones first, the done
 * ones last), "omitted" says how many are left out.
 *   {"command":"watch","path":P,"limit":N}
 *       -> a status object now and after each change, at most two a second, until the client hangs up.
 *   {"command":"wait","path":P,"limit":N,"timeout_ms":T,"progress":true}
 *       -> a status object with "final":true and "timed_out":false once every recording at P is done or
 * failed and what it shows for that can be seen; "timed_out":true when T has passed first (no timeout_ms: no
 * limit). With "progress", status objects with "final":false before that, as for watch. A path that is not
 * known has two seconds to become known.
 *   {"command":"retry","path":P}, {"command":"restore","path":P}, {"command":"cancel","path":P},
 * {"command":"confirm","path":P}
 *       -> {"count":N}: failed recordings that are tried again; deleted views that are back; jobs that waited or ran and
 * end; recordings that waited for it ("hold.confirm", or "hold.window") and are sent now.
 *   {"command":"explain","path":P}
 *       -> which model is taken for the one recording at P and why, once it has been looked at: {"path","state","backend",
 * "backend_why","recogniser","model","why","call","language","taken":null or, of a finished one, "engine" of its JSON,
 * "duration_ms","bytes","channels","sample_rate" (null: not known),"steps":[TEXT…] (what is done to the audio first),"publish",
 * "cost":{"free":BOOL,"most":N or null,"currency"},"unmet":[TEXT…] (what the settings wish for and do not get),
 * "models":[{"name","verdict":"chosen|possible|refused","code","text"}…],"refused":null or {"code","detail","cause","next"}}.
 *   {"command":"history","path":P}
 *       -> all that is known of the one recording at P: {"path","state","arrived_ms" (0: not known),"changed_ms","bytes","sha256"
 * (null: not read yet),"jobs":[{"job","current":BOOL (its views show this one, or will),"backend","state","attempts",
 * "queued_ms","started_ms","finished_ms","duration_ms","error":null or {"code","detail"},"events":[{"at_ms","event" (started,
 * done, failed, postponed, retried, cancelled, lost, outdated),"detail"}…],"charges":[{"at_ms","kind":"possible|estimated|billed",
 * "model","billed_ms","cost_micro","currency" (both null: not known)}…]}…] (the oldest first)}.
 *   {"command":"cost","month":"2026-11","by":"day|model|folder"}
 *       -> {"month","by","total":SUM,"rows":[{"name","sum":SUM}…]} (a folder is the one the recording was sent from). Without
 * "month" this one, without "by" by day.
 *   {"command":"cache","what":"stat|prune|verify","older_days":N,"dry_run":BOOL}
 *       -> {"results","result_bytes","dry_run"} and of stat and prune "unneeded_results","unneeded_bytes" (no recording of that
 * content is there),"removed_results","removed_bytes" (by prune with older_days: those that are as old),"views","view_bytes",
 * "removed_views"; of verify "damaged_results","without_sums" (older than sums: only sizes and form were looked at),"damaged":
 * [{"job","path" (null: nothing shows it)}…] (1000 at most). Damaged ones are dropped, and transcribed again where they are
 * shown, and with "dry_run" only told.
 *   {"command":"search","words":W,"limit":N}
 *       -> {"found":[{"path","hits":[{"at_ms" (in the recording),"before","match","after" (the sentence around it)}…],
 * "more" (there are others in it)}…] (the newest first),"more" (than N recordings (default 100), or time was up),"building" (not
 * all transcripts have been read yet)}. W as cache/search_query.h has it.
 *   {"command":"rerun","path":P,"backend":B,"model":M,"language":L,"again":true,"dry":true}
 *       -> {"count":N,"needless":N,"busy":N,"sent":N,"duration_ms","paths":[PATH…]}: recordings at P that are
 * transcribed again with the settings of today, and what is asked for over them (all optional); those of which that is
 * the result already (unless "again"); those that are under way or arriving; those of the first that are sent to a service; the audio and the first 1000 names of the
 * first (objects with "path" and, where it is not UTF-8, "path_bytes"). With "dry" nothing is done.
 *   anything that cannot be answered
 *       -> {"error":{"code":C,"message":TEXT}}, C being "request", "not_found", "forbidden", "busy", "failed"
 * or "memory". After "forbidden", "busy", and a line that is too long, the connection is closed.
 *
 * P is relative to the inbox: a recording, one of its views, or a directory and all below it; "" (the
 * default) is everything. File names are bytes and JSON is text: where a name is not UTF-8, "path" has U+FFFD
 * in place of what is wrong and "path_bytes" holds the exact bytes in hexadecimal, which wins. The same goes
 * for "base" and in requests.
 *
 * ITEM: {"path","base","state":"arriving|queued|running|done|failed", while running
 * "stage":"preparing|publishing|submitted|recognising","done","total" (0: not known), while queued
 * "position" (0: next),"not_before_ms", always "duration_ms" (of the audio),
 * "queued_ms","started_ms","finished_ms","expected_ms" (milliseconds since 1970; 0: not known), "attempts",
 * "views":[formats that its folder lists], "hidden":[formats of deleted views], "versions":N (earlier results, whose views
 * open as NAME.v1.txt … NAME.vN.txt; the current one has no number), of a recording that was sent to a paid service
 * "cost":{"billed_ms" (audio), "cost_micro" (millionths of the currency), "currency" (both null where the price is not
 * known), "estimated":true where the service did not say how much it billed, "possible":true when an attempt is
 * under way, or failed after it was sent: it may have been billed, "possible_ms" (its audio; 0: not known)}, "job" (hex), "backend",
 * "empty":true while nothing has been written to it, and after a failure
 * "error":{"class","code","detail","cause","next"}}.
 *
 * SPENDING: {"today":SUM,"month":SUM (of local days),"limit_ms","month_limit_ms" (minutes of a day and a month;
 * 0: none),"to_confirm":null or {"recordings","billed_ms","cost_micro","currency" (both null where no price is known)} (what
 * waits until somebody confirms it, at most),"limit_micro","month_limit_micro","currency" (what they may cost),"held_until_ms" (nothing more is sent
 * before, a limit is reached; 0: it is not),"held_for_month" (the limit of the month)}. SUM: {"billed_ms","jobs","possible_ms","possible_jobs",
 * "estimated_jobs" and "unpriced_jobs" (of "jobs"), "costs":[{"cost_micro","currency"}…]}. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/base/error.h"

struct cJSON;
struct control;
struct explaining;
struct library;
struct loop;
struct report_all;
struct search;
struct spending_report;

struct pool;
struct question;

struct control_config {
    struct loop *loop; /* everything here runs on its thread */
    struct library *library;
    struct search *search;
    int state_fd; /* STORE/state; stays the caller's, and open until control_free() */
    /* Writes one line about the recogniser; "" for nothing to say. */
    void (*engine)(void *context, char *line, size_t size);
    /* False: no paid service is used. May be NULL. */
    bool (*spending)(void *context, struct spending_report *report);
    /* True, and a line, while the index or the disk is in trouble, or settings of a folder have a mistake. */
    bool (*trouble)(void *context, char *line, size_t size);
    /* What only a status of everything says: days, disk, cache. May be NULL. */
    void (*all)(void *context, struct report_all *all);
    /* As explain_start() and explain_cancel() of fs/explain.h. */
    struct explaining *(*explain)(void *context, const char *path, void (*answer)(void *to, struct cJSON *object),
                                  void *to, struct error *err);
    void (*explain_cancel)(struct explaining *explaining);
    /* As rerun() of fs/rerun.h, with explain_context. May be NULL. */
    struct cJSON *(*rerun)(void *context, const char *path, const struct cJSON *request, struct error *err);
    void *context;         /* of all the others */
    /* What waits at `path` until somebody confirms it may go; *count: how many. 0, -ENOENT or -ENOMEM. May be NULL. */
    int (*confirm)(void *context, const char *path, int *count);
    void *explain_context; /* of explain(), rerun() and confirm() */
    /* Questions that are answered on the pool (fs/asking.h), and their context. */
    const struct question *questions;
    size_t question_count;
    struct pool *pool;
    void *question_context;
};

/* Begins to listen. A socket left by a daemon that died is replaced: the caller holds the store's lock.
 * Before the loop runs, or on its thread. 0, or negative errno and *err ("control.socket"). */
int control_new(const struct control_config *config, struct control **out, struct error *err);
/* Something that an item says may have changed. On the loop's thread; cheap to call often. */
void control_changed(struct control *c);
/* Hangs up on everybody and removes the socket. On the loop's thread or after it; before loop_free(). */
void control_free(struct control *c);
