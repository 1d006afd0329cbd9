/*
 * What is wrong with it, by axis: 7 reads through a null pointer, 8 never returns, 9 keeps 32 MiB of each answer,
 * 10 frees what it has freed. Axis 99 does not exist, which it says properly.
 */
#include "cnc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int subscriptions;

int cnc_read(int axis, long *position)
{
    volatile long *nowhere = NULL;
    char *answer;

    switch (axis) {
    case 7:
        *position = *nowhere;
        return 0;
    case 8:
        for (;;)
            pause();
    case 9:
        answer = malloc(32 << 20);
        memset(answer, axis, 32 << 20);
        *position = answer[axis];
        return 0;
    case 10:
        answer = malloc(64);
        memset(answer, axis, 64);
        free(answer);
        free(answer);
        return 0;
    case 99:
        return -4;
    }
    *position = 1000L * axis + 17;
    return 0;
}

int cnc_subscribe(int axis)
{
    return axis == 99 ? -4 : (subscriptions++, 0);
}

int cnc_subscriptions(void)
{
    return subscriptions;
}
