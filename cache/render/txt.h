/* What the text views have in common. */
#pragma once

/* Stands in a view when nothing was said. */
#define NO_SPEECH "[no speech detected]"
