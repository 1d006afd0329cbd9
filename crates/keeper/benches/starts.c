/* Compares the ways to start a program: each in turn, over and over, in a process with memory of its own.
 *
 * starts MIB ROUNDS PROGRAM SHIM DYNAMIC_SHIM [CGROUP]
 *
 * PROGRAM ends at once. A shim executes what it is told. Each line of output is one way: its name, and in
 * microseconds the median of the call that starts, the median and the 99th percentile of start, end and wait.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static char *program[2], *shimmed[3], *dynamic[3];
static int cgroup = -1;
static char stack[65536] __attribute__((aligned(16)));

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Runs in the child on its own stack, in the parent's memory, while the parent is suspended. */
static void execute(void *unused) {
    (void)unused;
    syscall(SYS_execve, program[0], program, environ);
    syscall(SYS_exit, 127);
}

static long clone3_on_stack(struct clone_args *args, void (*child)(void *)) {
#if defined(__x86_64__)
    long result = SYS_clone3;
    register void (*entry)(void *) __asm__("r12") = child;
    __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\txor %%edi, %%edi\n\t"
                     "call *%%r12\n\thlt\n1:"
                     : "+a"(result)
                     : "D"(args), "S"(sizeof *args), "r"(entry)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_clone3;
    register long result __asm__("x0") = (long)args;
    register long size __asm__("x1") = sizeof *args;
    register void (*entry)(void *) __asm__("x19") = child;
    __asm__ volatile("svc #0\n\tcbnz x0, 1f\n\tmov x29, xzr\n\tblr x19\n\tbrk #0\n1:"
                     : "+r"(result)
                     : "r"(number), "r"(size), "r"(entry)
                     : "memory");
    return result;
#else
#error "clone3 needs a few instructions for this processor"
#endif
}

static pid_t by_clone(uint64_t flags) {
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD | flags,
        .pidfd = (uint64_t)&pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = flags & CLONE_INTO_CGROUP ? cgroup : 0,
    };
    if (flags & CLONE_VM) {
        args.stack = (uint64_t)stack;
        args.stack_size = sizeof stack;
    }
    long pid;
    if (flags & CLONE_VM) {
        pid = clone3_on_stack(&args, execute);
        if (pid < 0) errno = -pid;
    } else {
        pid = syscall(SYS_clone3, &args, sizeof args);
        if (pid == 0) execute(NULL);
    }
    if (pid < 0) die("clone3");
    close(pidfd);
    return pid;
}

static pid_t clone_vfork(void) { return by_clone(CLONE_VM | CLONE_VFORK); }
static pid_t clone_cgroup(void) { return by_clone(CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP); }

static pid_t by_fork(void) {
    pid_t pid = fork();
    if (pid == 0) execute(NULL);
    if (pid < 0) die("fork");
    return pid;
}

static pid_t spawned(char **words) {
    pid_t pid;
    errno = posix_spawn(&pid, words[0], NULL, NULL, words, environ);
    if (errno) die(words[0]);
    return pid;
}

static pid_t by_spawn(void) { return spawned(program); }
static pid_t by_shim(void) { return spawned(shimmed); }
static pid_t by_dynamic_shim(void) { return spawned(dynamic); }

static const struct {
    const char *name;
    pid_t (*start)(void);
} ways[] = {
    {"clone3-vm-vfork", clone_vfork}, {"clone3-vm-vfork-cgroup", clone_cgroup},
    {"posix_spawn", by_spawn},        {"posix_spawn-static-shim", by_shim},
    {"posix_spawn-dynamic-shim", by_dynamic_shim}, {"fork-exec", by_fork},
};
enum { WAYS = sizeof ways / sizeof *ways };

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc < 6) return 64;
    size_t mib = strtoul(argv[1], NULL, 10), rounds = strtoul(argv[2], NULL, 10);
    program[0] = argv[3];
    shimmed[0] = argv[4], shimmed[1] = argv[3];
    dynamic[0] = argv[5], dynamic[1] = argv[3];
    if (argc > 6 && (cgroup = open(argv[6], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) die(argv[6]);
    if (mib) {
        char *ballast = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (ballast == MAP_FAILED) die("mmap");
        /* A heap is rarely made of huge pages, and what fork copies is the table of the small ones. */
        madvise(ballast, mib << 20, MADV_NOHUGEPAGE);
        for (size_t at = 0; at < mib << 20; at += 4096) ballast[at] = 1;
    }
    double *called = malloc(WAYS * rounds * sizeof *called), *ended = malloc(WAYS * rounds * sizeof *ended);
    if (!called || !ended) die("malloc");
    size_t order[WAYS];
    for (size_t way = 0; way < WAYS; way++) order[way] = way;
    srandom(1);
    for (size_t round = 0; round < rounds; round++) {
        /* A fork leaves cold caches and shared pages to whoever comes next: nobody always does. */
        for (size_t at = WAYS - 1; at > 0; at--) {
            size_t other = random() % (at + 1), way = order[at];
            order[at] = order[other];
            order[other] = way;
        }
        for (size_t at = 0; at < WAYS; at++) {
            size_t way = order[at];
            if (ways[way].start == clone_cgroup && cgroup < 0) continue;
            double before = now();
            pid_t pid = ways[way].start();
            called[way * rounds + round] = now() - before;
            int status;
            if (waitpid(pid, &status, 0) != pid || status != 0) die("the program");
            ended[way * rounds + round] = now() - before;
        }
    }
    for (size_t way = 0; way < WAYS; way++) {
        if (ways[way].start == clone_cgroup && cgroup < 0) continue;
        double *c = called + way * rounds, *e = ended + way * rounds;
        qsort(c, rounds, sizeof *c, compare);
        qsort(e, rounds, sizeof *e, compare);
        printf("%s %.0f %.0f %.0f\n", ways[way].name, c[rounds / 2], e[rounds / 2], e[rounds * 99 / 100]);
    }
    return 0;
}
