/* The other side of the pump benchmark.
 *
 *   pump write SIZE BYTES        prints lines of 100 bytes, SIZE bytes a write, BYTES in all
 *   pump copy                    standard input to standard output, as it comes
 *   pump stamp                   the same, with a time stamp before each line, taken once a read
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char in[64 * 1024], out[256 * 1024];

static void put(const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(1, bytes, length);
        if (written < 0) exit(1);
        bytes += written;
        length -= (size_t)written;
    }
}

static int print_lines(size_t size, size_t bytes) {
    char *block = malloc(size);
    for (size_t i = 0; i < size; i++) block[i] = i % 100 == 99 || i == size - 1 ? '\n' : 'x';
    for (size_t done = 0; done < bytes; done += size) put(block, size);
    return 0;
}

static int copy(void) {
    ssize_t length;
    while ((length = read(0, in, sizeof in)) > 0) put(in, (size_t)length);
    return length < 0;
}

static int stamp_lines(void) {
    ssize_t length;
    int inside = 0;
    while ((length = read(0, in, sizeof in)) > 0) {
        char stamp[40], text[32];
        struct timespec now;
        struct tm parts;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &parts);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        size_t stamp_length =
            (size_t)snprintf(stamp, sizeof stamp, "%s.%06ldZ ", text, now.tv_nsec / 1000);
        size_t filled = 0;
        for (char *at = in, *end = in + length; at < end;) {
            if (filled + sizeof in > sizeof out) {
                put(out, filled);
                filled = 0;
            }
            if (!inside) {
                memcpy(out + filled, stamp, stamp_length);
                filled += stamp_length;
            }
            char *newline = memchr(at, '\n', (size_t)(end - at));
            size_t line = (size_t)((newline ? newline + 1 : end) - at);
            memcpy(out + filled, at, line);
            filled += line;
            at += line;
            inside = newline == NULL;
        }
        put(out, filled);
    }
    return length < 0;
}

int main(int count, char **words) {
    if (count == 4 && strcmp(words[1], "write") == 0)
        return print_lines(strtoul(words[2], NULL, 10), strtoul(words[3], NULL, 10));
    if (count == 2 && strcmp(words[1], "copy") == 0) return copy();
    if (count == 2 && strcmp(words[1], "stamp") == 0) return stamp_lines();
    return 2;
}
