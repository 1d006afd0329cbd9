/* The least that can be called a supervisor, to measure against: posix_spawn, SIGCHLD and waitid. It has no state
 * that lasts, no policy, no containment, no logs and nobody it listens to.
 *
 * reference COUNT PROGRAM ARGUMENT...
 *
 * Keeps COUNT children running until it gets SIGTERM, which it passes on; then it ends once they have.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

static pid_t *slots;
static size_t count;
/* Where the child of a pid stands, plus one: open addressing over a table twice as long as need be. */
static struct {
    pid_t pid;
    size_t slot;
} *table;
static size_t mask;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static size_t place(pid_t pid) {
    size_t at = (size_t)pid * 2654435761u & mask;
    while (table[at].pid && table[at].pid != pid) at = (at + 1) & mask;
    return at;
}

static void forget(size_t at) {
    table[at].pid = 0;
    /* Whoever was moved along by the one that goes moves back. */
    for (size_t next = (at + 1) & mask; table[next].pid; next = (next + 1) & mask) {
        pid_t pid = table[next].pid;
        size_t slot = table[next].slot;
        table[next].pid = 0;
        size_t to = place(pid);
        table[to].pid = pid;
        table[to].slot = slot;
    }
}

static void start(size_t slot, char **words, posix_spawnattr_t *how) {
    pid_t pid;
    if ((errno = posix_spawn(&pid, words[0], NULL, how, words, environ))) die(words[0]);
    slots[slot] = pid;
    size_t at = place(pid);
    table[at].pid = pid;
    table[at].slot = slot;
}

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    count = strtoul(argv[1], NULL, 10);
    for (mask = 64; mask < count * 2; mask *= 2) {}
    slots = calloc(count, sizeof *slots);
    table = calloc(mask, sizeof *table);
    if (!slots || !table) die("calloc");
    mask--;

    sigset_t taken, none;
    sigemptyset(&none);
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    sigaddset(&taken, SIGTERM);
    sigprocmask(SIG_BLOCK, &taken, NULL);
    posix_spawnattr_t how;
    posix_spawnattr_init(&how);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);

    for (size_t slot = 0; slot < count; slot++) start(slot, argv + 2, &how);
    size_t alive = count;
    int stopping = 0;
    while (alive) {
        siginfo_t told;
        if (sigwaitinfo(&taken, &told) == SIGTERM && !stopping) {
            stopping = 1;
            for (size_t slot = 0; slot < count; slot++) kill(slots[slot], SIGTERM);
        }
        siginfo_t ended = {0};
        while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG) == 0 && ended.si_pid) {
            size_t at = place(ended.si_pid);
            size_t slot = table[at].slot;
            forget(at);
            if (stopping) alive--;
            else start(slot, argv + 2, &how);
            ended.si_pid = 0;
        }
    }
    return 0;
}
