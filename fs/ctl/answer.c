/* Reading status objects. */
#include "fs/ctl/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/control_spent.h"

static size_t count_of(const cJSON *object, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble < 1e15 ? (size_t)n->valuedouble : 0;
}

int answer_read(const cJSON *object, struct answer *out)
{
    cleanup_answer struct answer a = {0};
    const char *trouble = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "trouble"));
    const char *engine = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "engine"));
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(object, "counts");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "items"), *one;
    a.engine = strdup(engine ? engine : "");
    a.trouble = trouble ? strdup(trouble) : NULL;
    a.items = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *a.items);
    if (!a.engine || (trouble && !a.trouble) || !a.items)
        return -ENOMEM;
    cJSON_ArrayForEach(one, list)
    {
        if (json_read_item(one, &a.items[a.count]))
            a.count++;
    }
    for (int s = 0; s < ITEM_STATES; s++)
        a.counts[s] = count_of(counts, item_state_name((enum item_state)s));
    a.paid = json_read_spending(object, &a.spending);
    a.omitted = count_of(object, "omitted");
    a.final = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "final"));
    a.timed_out = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "timed_out"));
    *out = a;
    a = (struct answer){0};
    return 0;
}

void answer_clear(struct answer *a)
{
    free(a->engine);
    free(a->trouble);
    items_free(a->items, a->count);
}
