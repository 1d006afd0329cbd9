/* A host in C that serves `echo`: cc -std=c99 -Wall -Wextra -pthread -o echo echo.c
 *
 * A parent starts it. What it is asked decides what it does: `fail`, `large`, `abort`, `hang`, or an echo. */
#define MAINSTAY_HOST_IMPLEMENTATION
#define _GNU_SOURCE
#include "mainstay_host.h"

struct device {
    mainstay_host *host;
    unsigned long calls;
};

static void answer(void *own, mainstay_host_call *call, const void *request, size_t length) {
    struct device *device = own;
    char text[64];
    static char large[1 << 20];
    snprintf(text, sizeof text, "the device is asked for the %lu. time", ++device->calls);
    mainstay_host_record(device->host, text);
    if (!strcmp(request, "fail")) mainstay_host_fail(call, 1007, "the axis does not move");
    else if (!strcmp(request, "large")) mainstay_host_reply(call, large, sizeof large);
    else if (!strcmp(request, "silent")) return;
    else if (!strcmp(request, "abort")) abort();
    else if (!strcmp(request, "hang")) for (;;) pause();
    else mainstay_host_reply(call, request, length);
}

static void reload(void *own) {
    struct device *device = own;
    device->calls = 0;
}

int main(void) {
    char error[256];
    struct device device = {mainstay_host_connect("echo", 3, error, sizeof error), 0};
    if (!device.host) {
        fprintf(stderr, "echo: %s\n", error);
        return 1;
    }
    mainstay_host_status(device.host, "opens the device");
    mainstay_host_on_reload(device.host, reload, &device);
    mainstay_host_ready(device.host);
    return mainstay_host_serve(device.host, answer, &device) == MAINSTAY_HOST_STOPPED ? 0 : 2;
}
