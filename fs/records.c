/* Which questions there are. */
#include "fs/records.h"

const struct question records_questions[] = {
    {"history", record_history},
    {"cost", record_costs},
    {"cache", record_cache},
};
const size_t records_question_count = sizeof records_questions / sizeof *records_questions;
