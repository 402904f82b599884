/* The text that asks for a confirmation. */
#include "fs/inbox/confirm.h"

#include <string.h>

#include "backend/base/buffer.h"
#include "fs/inbox/names.h"
#include "fs/inbox/spent.h"
#include "fs/inbox/status.h"
#include "fs/inbox/wording.h"

void confirm_put_estimate(const struct wording *w, const struct confirm_facts *f, struct buffer *out)
{
    cleanup_buffer struct buffer minutes = {0}, money = {0};
    spent_put_minutes(f->ms, &minutes);
    if (f->currency[0] && f->unpriced < f->count)
        spent_put_money(f->currency, f->micro, &money);
    if (!money.data)
        buffer_printf(out, say(w, "%s minutes of audio, of which the price is not known"), minutes.data ? minutes.data : "");
    else
        buffer_printf(out, say(w, "%s minutes of audio, at most %s by the price list"), minutes.data ? minutes.data : "",
                      money.data);
    if (money.data && f->unpriced)
        buffer_printf(out, say(w, ", and the price of %d is not known"), (int)f->unpriced);
}

void confirm_text(const struct wording *w, const struct confirm_facts *f, struct buffer *out)
{
    size_t start = out->len;
    cleanup_buffer struct buffer estimate = {0};
    confirm_put_estimate(w, f, &estimate);
    buffer_printf(out,
                  say_count(w, "%d recording waits here until somebody confirms that it is sent to the transcription service.",
                            "%d recordings wait here until somebody confirms that they are sent to the transcription service.",
                            (unsigned long)f->count),
                  (int)f->count);
    buffer_puts(out, "\n");
    buffer_printf(out, say(w, "Together: %s."), estimate.data ? estimate.data : "");
    buffer_puts(out, "\n\n");
    buffer_printf(out, "%s\n", say(w, "To start them, delete this file."));
    buffer_printf(out, "%s\n",
                  say(w, "Not to transcribe them, take the recordings out of this folder; that starts nothing."));
    buffer_printf(out, "%s\n", say(w, "Until then nothing is sent, and nothing is spent."));
    status_pad(out, start, 0);
}
