/* Costs. */
#include "backend/price.h"

int64_t price_longest_ms(int64_t duration_ms, int channels)
{
    if (duration_ms <= 0)
        return 0;
    int64_t seconds = duration_ms / 1000 + (duration_ms % 1000 != 0);
    return seconds * 1000 * (channels > 1 ? channels : 1);
}

bool price_is_of_speech(const struct model *model)
{
    return model->family == FAMILY_FUN_ASR || model->family == FAMILY_PARAFORMER;
}

int64_t price_dearest(enum region region)
{
    int64_t dearest = 0;
    for (const struct model *m = catalogue_all(); m->name; m++)
        dearest = m->price[region] > dearest ? m->price[region] : dearest;
    return dearest;
}

bool price_cost(const struct model *model, enum region region, int64_t billed_ms, int64_t *cost_micro)
{
    int64_t price = model->price[region];
    if (price <= 0)
        return false;
    int64_t seconds = billed_ms / 1000, rest = billed_ms % 1000;
    *cost_micro = seconds * price + (rest * price + 500) / 1000;
    return true;
}
