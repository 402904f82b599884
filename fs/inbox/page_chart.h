/* The days of status.html: minutes and costs as a plot, and as a table. Pure. */
#pragma once

struct buffer;
struct report_all;
struct wording;

void page_put_days(const struct wording *w, const struct report_all *all, struct buffer *out);
