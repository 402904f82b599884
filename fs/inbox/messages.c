/* The catalogue of messages: plain words for people who never open a terminal, no jargon first. */
#include "fs/inbox/messages.h"

#include <string.h>

/* Each cause reads on after "talk.mp3: "; each next step stands alone. */
/* clang-format off */
static const struct message messages[] = {
    /* The recording itself. */
    {"media.empty",
     "The file is empty.",
     "Copy the recording into this folder again."},
    {"media.not_audio",
     "This is not a sound or video file that can be read, whatever its name says.",
     "Play it to see what it is. If it does play, save it as MP3 or WAV and put that here."},
    {"media.no_audio",
     "This video has no sound track.",
     "There is nothing to transcribe. If you do hear speech when you play it, save the sound as MP3 or WAV and put that here."},
    {"media.truncated",
     "The end of the recording is missing, probably because copying it was interrupted.",
     "Copy the whole file into this folder again. It is then transcribed by itself."},
    {"media.decode",
     "The recording is damaged and cannot be played to its end.",
     "Play the original. If it plays, copy it into this folder again, or save it as MP3 or WAV and put that here."},
    {"media.crashed",
     "The recording is damaged in a way that stopped the program that reads it.",
     "Open the original in a sound editor, save it as WAV and put that here."},
    {"media.timeout",
     "Reading the recording took far too long, so it was stopped.",
     "Try again when the computer is less busy. If that does not help, save the recording as WAV and put that here."},
    {"media.too_long",
     "The recording is longer than can be transcribed in one piece.",
     "Cut it into shorter parts and put those here."},

    /* The recogniser, the program that turns speech into text. */
    {"engine.missing",
     "No speech recogniser is installed on the computer that keeps this folder.",
     "Ask the administrator to install one with \"make deps\". Waiting recordings then go on by themselves."},
    {"engine.model",
     "The language model that the speech recogniser needs is missing or damaged.",
     "Ask the administrator to install it again, or to correct the \"model\" setting. Waiting recordings then go on by themselves."},
    {"engine.failed",
     "The speech recogniser gave up on this recording.",
     "Try again. If it fails once more, show this text to the administrator."},
    {"engine.crashed",
     "The speech recogniser stopped unexpectedly while it worked on this recording.",
     "Try again. If it fails once more, save the recording as WAV and put that here, or show this text to the administrator."},
    {"engine.timeout",
     "The speech recogniser stopped making progress, so it was ended.",
     "Try again when the computer is less busy. If it fails once more, show this text to the administrator."},
    {"engine.killed",
     "The speech recogniser was ended by somebody or by the system before it had finished.",
     "Try again. If it fails once more, ask the administrator whether the computer is short of memory."},
    {"engine.memory",
     "The computer did not have enough memory to transcribe this recording.",
     "Try again when the computer is less busy, or cut the recording into shorter parts. The administrator can also allow it more memory."},

    {"engine.sandbox",
     "The speech recogniser could not be started safely on this computer.",
     "Ask the administrator to look at the detail below. Waiting recordings then go on by themselves."},

    /* Files and disks. */
    {"io.read",
     "The recording could not be read from the disk.",
     "Check that it opens. If not, copy it here again. If it happens to other files too, tell the administrator: the disk may be failing."},
    {"media.read",
     "The recording could not be read from the disk.",
     "Check that it opens. If not, copy it here again. If it happens to other files too, tell the administrator: the disk may be failing."},
    {"io.state",
     "The transcript could not be saved.",
     "Ask the administrator to check the disk and the permissions of the state folder. It then goes on by itself."},
    {"io.space",
     "The disk is full, so the transcript cannot be saved.",
     "Free some space, or ask the administrator to. It then goes on by itself."},
    {"io.changed",
     "The recording was changed while it was being transcribed.",
     "Nothing needs to be done: it is transcribed again once it stays unchanged."},

    /* The daemon's own records. */
    {"index.newer",
     "The records of this folder were written by a newer version of scribefs.",
     "Ask the administrator to install that version again. Nothing has been changed."},
    {"index.open",
     "The records of this folder cannot be opened.",
     "Ask the administrator to check the disk space and the permissions of the state folder."},
    {"index.corrupt",
     "The records of this folder were damaged and have been set aside.",
     "Nothing needs to be done: they are made again from the recordings. Texts you had deleted may come back."},
    {"index.write",
     "The records of this folder cannot be written.",
     "Ask the administrator to check the disk. Until then a restart may forget what was done last, and do it again."},
    {"index.full",
     "The disk is full, so the records of this folder cannot be written.",
     "Free some space, or ask the administrator to. It then goes on by itself."},
    {"index.locked",
     "Another program keeps the records of this folder locked.",
     "Ask the administrator to end the program that has opened them. It then goes on by itself."},
    {"index.refused",
     "One change could not be entered in the records of this folder.",
     "Nothing needs to be done: what was lost is found again at the next start. Show this text to the administrator."},
    {"transcript.invalid",
     "The speech recogniser answered, but its answer could not be understood.",
     "Try again. If it fails once more, show this text to the administrator."},

    {NULL, NULL, NULL},
};

/* For codes this catalogue does not know. */
static const struct message general = {
    "",
    "Something went wrong while this recording was being transcribed.",
    "Try again. If it fails once more, show this text to the administrator.",
};
/* clang-format on */

const struct message *message_find(const char *code)
{
    for (const struct message *m = messages; code && m->code; m++)
        if (strcmp(m->code, code) == 0)
            return m;
    return &general;
}

const struct message *message_all(void)
{
    return messages;
}
