/* The parts of a transcript's page that are files of their own, as the Makefile put them into the program. */
#pragma once

/* NUL-terminated UTF-8. The template has places for what is put in: {{title}}. */
extern const char page_transcript_html[], page_transcript_css[], page_transcript_js[];
