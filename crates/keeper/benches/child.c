/* The child that supervisors are measured with.
 *
 * child FIFO pause|exit
 *
 * Its first instruction takes the time. It writes that and its pid to the fifo, then waits for a signal, or fails.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct {
        uint64_t nanoseconds, pid;
    } stamp = {(uint64_t)now.tv_sec * 1000000000 + now.tv_nsec, getpid()};
    if (argc < 3) return 64;
    int fifo = open(argv[1], O_WRONLY | O_CLOEXEC);
    /* A pipe takes so few bytes whole. */
    if (fifo < 0 || write(fifo, &stamp, sizeof stamp) != sizeof stamp) return 70;
    close(fifo);
    if (strcmp(argv[2], "exit") == 0) return 1;
    for (;;) pause();
}
