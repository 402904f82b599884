/* SETTINGS-ERROR.txt: what is wrong with the settings of a folder, or with the names of speakers in it, is
 * said there. */
#pragma once

struct folders;
struct library;
struct wording;

/* Says anew what there is to say at `path` and below; nothing where status texts are switched off. Waits for
 * the disk. One call at a time. */
void settings_error_tell(struct library *library, struct folders *folders, int inbox_fd,
                         const struct wording *wording, const char *path);
