/* Inside publishing: removing objects and half finished uploads, in the background. */
#pragma once

struct publisher;

/* Gives up an upload that was begun with that id. */
void removal_of_upload(struct publisher *publisher, const char *object, const char *upload);
void removals_free(struct publisher *publisher);
