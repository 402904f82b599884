/* Local days: as people count them, in the time zone of the process. Where clocks change they have 23 or 25
 * hours. Pure, apart from the time zone. */
#pragma once

#include <stdint.h>

/* The day of a moment (milliseconds since 1970) as a number that reads as its date: 20261122. 0: no date. */
int day_of(int64_t at_ms);
/* When the day after that of at_ms begins: later than at_ms, and of another day. */
int64_t day_end(int64_t at_ms);
/* When the month after that of at_ms begins. */
int64_t month_end(int64_t at_ms);
/* The day before this one: 20261121 of 20261122; 0 of what is no date. */
int day_before(int day);
/* The month of a day: 202611. */
int day_month(int day);
