/* What a host program written in C links: signs of life, calls, and a flight recorder that outlives it.
 *
 * One file of the program defines MAINSTAY_HOST_IMPLEMENTATION before it includes this, as its very first header.
 * It needs C99 with the atomic builtins of GCC or Clang, POSIX threads, and Linux. `echo.c` is an example;
 * docs/reference/host-protocol.md is what is spoken.
 *
 * Calls are answered one after the other on the thread that serves. Requests for streams are refused, and a call that
 * has been read is answered even when nobody waits for it any more.
 *
 * Every function but mainstay_host_connect, mainstay_host_serve and those that take a call may be called by any
 * thread, and none of those waits for the parent. */
#ifndef MAINSTAY_HOST_H
#define MAINSTAY_HOST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mainstay_host mainstay_host;
typedef struct mainstay_host_call mainstay_host_call;

/* Codes of failures that mean the same for every contract; a contract's own begin at 1000. */
enum {
    MAINSTAY_HOST_NO_ANSWER = 1,
    MAINSTAY_HOST_TOO_LARGE = 2,
    MAINSTAY_HOST_MALFORMED = 3,
    MAINSTAY_HOST_STOPPING = 4,
    MAINSTAY_HOST_WRONG_FORM = 5
};

/* Why serving is over. */
enum { MAINSTAY_HOST_STOPPED = 0, MAINSTAY_HOST_PARENT_GONE = 1 };

/* How the process ends that does not come back from what it does: after a stop, and after its parent is gone. */
enum { MAINSTAY_HOST_EXIT_STOP_OVERDUE = 121, MAINSTAY_HOST_EXIT_PARENT_GONE = 122 };

/* Answers one request, by mainstay_host_reply or mainstay_host_fail. The request is gone when it returns. */
typedef void (*mainstay_host_answer)(void *own, mainstay_host_call *call, const void *request, size_t length);

/* Connects with the parent that started this process; once, and early. Returns null where that fails, with the reason
 * in `error`, which has room for `room` bytes. What it returns lives as long as the process. */
mainstay_host *mainstay_host_connect(const char *contract, uint32_t version, char *error, size_t room);

/* Returns the number of this run. */
uint64_t mainstay_host_run(const mainstay_host *host);

/* Lets the serving thread call this, between two calls, when the settings are to be read again. */
void mainstay_host_on_reload(mainstay_host *host, void (*reload)(void *own), void *own);

/* Tells that calls can be served. Serving tells it where nobody has. */
void mainstay_host_ready(mainstay_host *host);
/* Tells what the host does, for people. */
void mainstay_host_status(mainstay_host *host, const char *text);
/* Asks to be replaced by a fresh run, which is no failure. */
void mainstay_host_recycle(mainstay_host *host, const char *reason);
/* Tells that pending work has moved. */
void mainstay_host_progress(mainstay_host *host);
/* Asks for so many milliseconds more to start or to stop. */
void mainstay_host_extend(mainstay_host *host, uint64_t milliseconds);
/* Notes what is about to happen, where it is read when this process has died of it. Without a ring it does nothing. */
void mainstay_host_record(mainstay_host *host, const char *text);

/* Answers calls on this thread until the parent asks the host to end, or is gone. The process is to end after it. */
int mainstay_host_serve(mainstay_host *host, mainstay_host_answer answer, void *own);

/* Answers a call. Only the first answer counts. */
void mainstay_host_reply(mainstay_host_call *call, const void *reply, size_t length);
void mainstay_host_fail(mainstay_host_call *call, uint32_t code, const char *message);

#ifdef __cplusplus
}
#endif
#endif

#ifdef MAINSTAY_HOST_IMPLEMENTATION
#undef MAINSTAY_HOST_IMPLEMENTATION
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MSH_PACKET_MOST 4096u
#define MSH_HEAD 13u
#define MSH_BODY_MOST (1u << 30)
#define MSH_RING_HEAD 64u
#define MSH_RING_ENTRY 256u
#define MSH_RING_TEXT (MSH_RING_ENTRY - 32u)
/* How long the answer to hello may take, and the end of a process that is to end, in milliseconds. */
#define MSH_PATIENCE 15000
#define MSH_BOUND 5000u

/* What is told and may have to wait for room: the latest of each kind. */
static const unsigned char msh_kinds[] = {'R', 'S', 'Y', 'P', 'E', 'L', 'C'};
#define MSH_KINDS (sizeof msh_kinds)

struct mainstay_host {
    int control, calls, next_calls;
    int life_wake[2], serve_wake[2];
    uint64_t run;
    uint32_t every, most;
    volatile uint64_t *ring;
    uint64_t ring_capacity;
    pthread_mutex_t lock;
    /* All below is read and written under the lock. */
    int is_ready, is_stopping, is_gone, reloads;
    uint64_t since, done; /* `since` is 0 where no call is pending. */
    unsigned char *owed[MSH_KINDS];
    size_t owed_length[MSH_KINDS];
    /* The serving thread's own. */
    void (*reload)(void *);
    void *reload_own;
    uint64_t call;
};

struct mainstay_host_call {
    mainstay_host *host;
    uint64_t number;
    int is_answered;
};

static uint64_t msh_nanos(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t msh_millis(void) { return msh_nanos() / 1000000u; }

static void msh_put(unsigned char *at, uint64_t number, size_t length) {
    size_t i;
    for (i = 0; i < length; i++) at[i] = (unsigned char)(number >> (8 * i));
}

static uint64_t msh_take(const unsigned char *at, size_t length) {
    uint64_t number = 0;
    while (length-- > 0) number = number << 8 | at[length];
    return number;
}

/* Returns how much of a text fits, in whole letters. */
static size_t msh_cut(const char *text, size_t room) {
    size_t length = strlen(text);
    if (length <= room) return length;
    while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80) room--;
    return room;
}

static uint64_t msh_word(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

/* Notes an operation: number 0, then the fields, then the number, so that a torn one is seen to be torn. */
static void msh_note(mainstay_host *host, uint64_t call, unsigned mark, const char *text) {
    static __thread uint32_t thread;
    unsigned char entry[MSH_RING_ENTRY] = {0};
    volatile uint64_t *at;
    uint64_t number;
    size_t length, i;
    if (!host->ring) return;
    if (!thread) thread = (uint32_t)syscall(SYS_gettid);
    number = __atomic_fetch_add(&host->ring[3], 1, __ATOMIC_RELAXED) + 1;
    if (number == 0) number = 1;
    length = msh_cut(text, MSH_RING_TEXT);
    msh_put(entry, number, 8);
    msh_put(entry + 8, msh_nanos(), 8);
    msh_put(entry + 16, call, 8);
    msh_put(entry + 24, thread, 4);
    msh_put(entry + 28, length, 2);
    entry[30] = (unsigned char)mark;
    memcpy(entry + 32, text, length);
    at = host->ring + (MSH_RING_HEAD + (number - 1) % host->ring_capacity * MSH_RING_ENTRY) / 8;
    __atomic_store_n(&at[0], 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (i = 1; i < 4 + (length + 7) / 8; i++) __atomic_store_n(&at[i], msh_word(entry + 8 * i), __ATOMIC_RELAXED);
    __atomic_store_n(&at[0], msh_word(entry), __ATOMIC_RELEASE);
}

static void msh_wake(const int *pipe) {
    ssize_t ignored = write(pipe[1], "", 1);
    (void)ignored;
}

static void msh_hush(const int *pipe) {
    char some[64];
    while (read(pipe[0], some, sizeof some) > 0) {}
}

static int msh_pipe(int *pipe_) {
    int i;
    if (pipe(pipe_)) return -1;
    for (i = 0; i < 2; i++) {
        fcntl(pipe_[i], F_SETFD, FD_CLOEXEC);
        fcntl(pipe_[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

/* Returns whether there was room, or nobody left to make some. */
static int msh_send(mainstay_host *host, const void *packet, size_t length) {
    ssize_t sent;
    do sent = send(host->control, packet, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* Sends what is owed, under the lock, and returns whether something is left. */
static int msh_settle(mainstay_host *host) {
    size_t kind;
    for (kind = 0; kind < MSH_KINDS; kind++) {
        if (!host->owed[kind]) continue;
        if (!msh_send(host, host->owed[kind], host->owed_length[kind])) return 1;
        free(host->owed[kind]);
        host->owed[kind] = NULL;
    }
    return 0;
}

static void msh_tell(mainstay_host *host, unsigned char kind, const void *fields, size_t length) {
    unsigned char packet[MSH_PACKET_MOST];
    size_t slot = 0;
    packet[0] = kind;
    memcpy(packet + 1, fields, length);
    while (msh_kinds[slot] != kind) slot++;
    pthread_mutex_lock(&host->lock);
    if (msh_settle(host) || !msh_send(host, packet, length + 1)) {
        unsigned char *kept = malloc(length + 1);
        if (kept) {
            memcpy(kept, packet, length + 1);
            free(host->owed[slot]);
            host->owed[slot] = kept;
            host->owed_length[slot] = length + 1;
        }
        msh_wake(host->life_wake);
    }
    pthread_mutex_unlock(&host->lock);
}

static void msh_tell_text(mainstay_host *host, unsigned char kind, const char *text) {
    msh_tell(host, kind, text, msh_cut(text, MSH_PACKET_MOST - 1));
}

static void msh_beat(mainstay_host *host) {
    unsigned char packet[21] = {'B'};
    uint64_t since, done;
    pthread_mutex_lock(&host->lock);
    since = host->since;
    done = host->done;
    pthread_mutex_unlock(&host->lock);
    msh_put(packet + 1, since != 0, 4);
    msh_put(packet + 5, done, 8);
    msh_put(packet + 13, since ? msh_millis() - since : 0, 8);
    msh_send(host, packet, sizeof packet);
}

/* Takes a packet: its length, 0 where there is none now, -1 at the end. A descriptor that came with it is `given`. */
static int msh_hear(mainstay_host *host, unsigned char *packet, int *given) {
    union { struct cmsghdr head; char space[CMSG_SPACE(4 * sizeof(int))]; } control;
    struct iovec part = {packet, MSH_PACKET_MOST};
    struct msghdr message;
    struct cmsghdr *head;
    ssize_t length;
    *given = -1;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    length = recvmsg(host->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    for (head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        size_t i, count;
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (i = 0; i < count; i++) {
            int one;
            memcpy(&one, CMSG_DATA(head) + i * sizeof one, sizeof one);
            if (*given < 0) *given = one; else close(one);
        }
    }
    return length == 0 ? -1 : (int)length;
}

/* The thread that gives signs of life and hears the parent. It runs no code of the host's author. */
static void *msh_life(void *argument) {
    mainstay_host *host = argument;
    uint64_t beat = 0, overdue = UINT64_MAX;
    int code = 0, hears = 1;
    for (;;) {
        struct pollfd both[2] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};
        uint64_t now = msh_millis(), until = overdue;
        unsigned char packet[MSH_PACKET_MOST];
        int given, length, owes;
        if (hears && host->every && beat <= now) {
            msh_beat(host);
            beat = now + host->every;
        }
        if (overdue <= now) {
            msh_note(host, 0, 0, "does not come to its end");
            _exit(code);
        }
        if (hears && host->every && beat < until) until = beat;
        pthread_mutex_lock(&host->lock);
        owes = hears && msh_settle(host);
        pthread_mutex_unlock(&host->lock);
        both[0].fd = host->life_wake[0];
        both[1].fd = hears ? host->control : -1;
        if (owes) both[1].events |= POLLOUT;
        poll(both, 2, until == UINT64_MAX ? -1 : until - now > 60000 ? 60000 : (int)(until - now));
        msh_hush(host->life_wake);
        while (hears && (length = msh_hear(host, packet, &given)) != 0) {
            pthread_mutex_lock(&host->lock);
            if (length < 0) {
                hears = 0;
                host->is_gone = 1;
                if (host->calls >= 0) shutdown(host->calls, SHUT_RDWR);
                overdue = msh_millis() + MSH_BOUND;
                code = MAINSTAY_HOST_EXIT_PARENT_GONE;
            } else if (packet[0] == 's' && length == 9) {
                uint64_t within = msh_take(packet + 1, 8);
                host->is_stopping = 1;
                code = MAINSTAY_HOST_EXIT_STOP_OVERDUE;
                overdue = within > UINT64_MAX / 4 ? UINT64_MAX : msh_millis() + within + MSH_BOUND;
            } else if (packet[0] == 'l' && length == 1) {
                host->reloads++;
            } else if (packet[0] == 'c' && length == 1 && given >= 0) {
                if (host->next_calls >= 0) close(host->next_calls);
                host->next_calls = given;
                given = -1;
                if (host->calls >= 0) shutdown(host->calls, SHUT_RDWR);
            } else {
                msh_note(host, 0, 0, "heard nonsense on the control socket");
            }
            pthread_mutex_unlock(&host->lock);
            if (given >= 0) close(given);
            msh_wake(host->serve_wake);
        }
    }
    return NULL;
}

/* Reads exactly so much, or into nowhere; returns whether it came. */
static int msh_fill(int socket, unsigned char *into, size_t length) {
    unsigned char nowhere[4096];
    while (length > 0) {
        size_t wanted = into || length < sizeof nowhere ? length : sizeof nowhere;
        ssize_t count = recv(socket, into ? into : nowhere, wanted, 0);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            struct pollfd one = {socket, POLLIN, 0};
            poll(&one, 1, -1);
            continue;
        }
        if (count <= 0) return 0;
        if (into) into += count;
        length -= (size_t)count;
    }
    return 1;
}

static void msh_write(mainstay_host *host, unsigned char kind, uint64_t call, uint32_t code, const void *body,
                      size_t length) {
    unsigned char head[MSH_HEAD + 4];
    struct iovec parts[2];
    struct msghdr message;
    size_t extra = kind == 'e' ? 4 : 0;
    msh_put(head, length + extra, 4);
    head[4] = kind;
    msh_put(head + 5, call, 8);
    if (extra) msh_put(head + MSH_HEAD, code, 4);
    parts[0].iov_base = head;
    parts[0].iov_len = MSH_HEAD + extra;
    parts[1].iov_base = (void *)body;
    parts[1].iov_len = length;
    memset(&message, 0, sizeof message);
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        ssize_t count = sendmsg(host->calls, &message, MSG_NOSIGNAL);
        int i;
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            struct pollfd one = {host->calls, POLLOUT, 0};
            poll(&one, 1, -1);
            continue;
        }
        /* That the parent is gone is seen where it is read from. */
        if (count < 0) return;
        for (i = 0; i < 2; i++) {
            size_t part = (size_t)count < parts[i].iov_len ? (size_t)count : parts[i].iov_len;
            parts[i].iov_base = (char *)parts[i].iov_base + part;
            parts[i].iov_len -= part;
            count -= (ssize_t)part;
        }
    }
}

static void msh_refuse(mainstay_host *host, uint64_t call, uint32_t code, const char *message) {
    size_t room = host->most > 4 ? host->most - 4 : 0;
    msh_write(host, 'e', call, code, message, msh_cut(message, room));
    msh_note(host, call, 3, message);
}

void mainstay_host_reply(mainstay_host_call *call, const void *reply, size_t length) {
    if (call->is_answered) return;
    call->is_answered = 1;
    if (length > call->host->most) {
        msh_refuse(call->host, call->number, MAINSTAY_HOST_TOO_LARGE, "the reply is longer than a frame may be");
        return;
    }
    msh_write(call->host, 'a', call->number, 0, reply, length);
    msh_note(call->host, call->number, 2, "");
}

void mainstay_host_fail(mainstay_host_call *call, uint32_t code, const char *message) {
    if (call->is_answered) return;
    call->is_answered = 1;
    msh_refuse(call->host, call->number, code, message);
}

static void msh_answer(mainstay_host *host, uint64_t call, uint32_t length, mainstay_host_answer answer, void *own,
                       unsigned char *body) {
    mainstay_host_call being = {host, call, 0};
    char text[64];
    snprintf(text, sizeof text, "%lu bytes", (unsigned long)length);
    pthread_mutex_lock(&host->lock);
    host->since = msh_millis();
    pthread_mutex_unlock(&host->lock);
    host->call = call;
    msh_note(host, call, 1, text);
    answer(own, &being, body, length);
    if (!being.is_answered) mainstay_host_fail(&being, MAINSTAY_HOST_NO_ANSWER, "the host gave no answer");
    host->call = 0;
    pthread_mutex_lock(&host->lock);
    host->since = 0;
    host->done++;
    pthread_mutex_unlock(&host->lock);
}

/* Takes one frame and answers it; returns whether there can be another. */
static int msh_one(mainstay_host *host, mainstay_host_answer answer, void *own, int is_stopping) {
    unsigned char head[MSH_HEAD], *body;
    uint64_t call;
    uint32_t length;
    if (!msh_fill(host->calls, head, sizeof head)) return 0;
    length = (uint32_t)msh_take(head, 4);
    call = msh_take(head + 5, 8);
    if (!call || length > MSH_BODY_MOST || !strchr("qQcm", head[4]) || !head[4]) return 0;
    if (head[4] != 'q' || length > host->most || is_stopping) {
        if (!msh_fill(host->calls, NULL, length)) return 0;
        if (head[4] == 'c' || head[4] == 'm') return 1;
        if (is_stopping) msh_refuse(host, call, MAINSTAY_HOST_STOPPING, "");
        else if (head[4] == 'Q') msh_refuse(host, call, MAINSTAY_HOST_WRONG_FORM, "this host answers by no stream");
        else msh_refuse(host, call, MAINSTAY_HOST_TOO_LARGE, "the request is longer than a frame may be");
        return 1;
    }
    body = malloc((size_t)length + 1);
    if (!body) {
        if (!msh_fill(host->calls, NULL, length)) return 0;
        msh_refuse(host, call, MAINSTAY_HOST_TOO_LARGE, "there is no memory for the request");
        return 1;
    }
    if (!msh_fill(host->calls, body, length)) {
        free(body);
        return 0;
    }
    /* A request that is a text can be used as one. */
    body[length] = 0;
    msh_answer(host, call, length, answer, own, body);
    free(body);
    return 1;
}

int mainstay_host_serve(mainstay_host *host, mainstay_host_answer answer, void *own) {
    int is_ready, reloads_seen = 0;
    pthread_mutex_lock(&host->lock);
    is_ready = host->is_ready;
    pthread_mutex_unlock(&host->lock);
    if (!is_ready) mainstay_host_ready(host);
    for (;;) {
        struct pollfd both[2] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};
        int is_stopping, is_gone, reloads, is_new = 0;
        pthread_mutex_lock(&host->lock);
        if (host->next_calls >= 0) {
            if (host->calls >= 0) close(host->calls);
            host->calls = host->next_calls;
            host->next_calls = -1;
            is_new = 1;
        }
        is_stopping = host->is_stopping;
        is_gone = host->is_gone;
        reloads = host->reloads;
        pthread_mutex_unlock(&host->lock);
        if (is_gone) return MAINSTAY_HOST_PARENT_GONE;
        if (is_new) msh_tell(host, 'C', "", 0);
        if (reloads != reloads_seen && !is_stopping) {
            reloads_seen = reloads;
            if (host->reload) host->reload(host->reload_own);
            msh_tell(host, 'L', "", 0);
        }
        both[0].fd = host->serve_wake[0];
        both[1].fd = host->calls;
        if (poll(both, 2, is_stopping ? 0 : -1) <= 0 && is_stopping) return MAINSTAY_HOST_STOPPED;
        if (both[0].revents) {
            msh_hush(host->serve_wake);
            continue;
        }
        if (both[1].revents) {
            if (!msh_one(host, answer, own, is_stopping)) {
                pthread_mutex_lock(&host->lock);
                close(host->calls);
                host->calls = -1;
                pthread_mutex_unlock(&host->lock);
            }
        }
    }
}

static mainstay_host *msh_failed(mainstay_host *host, char *error, size_t room, const char *text) {
    snprintf(error, room, "%s", text);
    free(host);
    return NULL;
}

static int msh_is(int descriptor, int type) {
    int found = 0;
    socklen_t length = sizeof found;
    return !getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &found, &length) && found == type;
}

static int msh_map(mainstay_host *host, int descriptor) {
    struct stat about;
    unsigned char *ring;
    uint64_t capacity;
    if (fstat(descriptor, &about) || about.st_size < (off_t)(MSH_RING_HEAD + MSH_RING_ENTRY)) return -1;
    ring = mmap(NULL, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (ring == MAP_FAILED) return -1;
    capacity = msh_take(ring + 16, 8);
    if (memcmp(ring, "MNSTRING", 8) || msh_take(ring + 8, 8) != 1 || capacity == 0 ||
        capacity > ((uint64_t)about.st_size - MSH_RING_HEAD) / MSH_RING_ENTRY)
        return -1;
    host->ring = (volatile uint64_t *)(void *)ring;
    host->ring_capacity = capacity;
    return 0;
}

static int msh_digit(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
    return -1;
}

/* Sends hello and takes the answer; returns what is wrong, or null. */
static const char *msh_greet(mainstay_host *host, const unsigned char *secret, const char *contract, uint32_t version,
                             char *reason) {
    static const char speaker[] = "mainstay_host.h 0.1.0";
    unsigned char packet[MSH_PACKET_MOST] = {'H'};
    size_t length = msh_cut(contract, MSH_PACKET_MOST / 4);
    uint64_t until = msh_millis() + MSH_PATIENCE;
    int given, got;
    msh_put(packet + 1, 1, 2);
    memcpy(packet + 3, secret, 32);
    msh_put(packet + 35, version, 4);
    msh_put(packet + 39, length, 2);
    memcpy(packet + 41, contract, length);
    memcpy(packet + 41 + length, speaker, sizeof speaker - 1);
    msh_send(host, packet, 41 + length + sizeof speaker - 1);
    while ((got = msh_hear(host, packet, &given)) == 0) {
        struct pollfd one = {host->control, POLLIN, 0};
        uint64_t now = msh_millis();
        if (now >= until) return "the parent has not answered hello";
        poll(&one, 1, (int)(until - now));
    }
    if (given >= 0) close(given);
    if (got < 0) return "the parent closed the control socket before it answered hello";
    if (packet[0] == 'x') {
        snprintf(reason, MSH_PACKET_MOST + 64, "the parent refuses this host: %.*s", got - 1, (char *)packet + 1);
        return reason;
    }
    if (packet[0] == 's') return "the parent asked this host to end before it had begun";
    if (packet[0] != 'w' || got != 17) return "the parent's answer to hello is not understood";
    host->run = msh_take(packet + 1, 8);
    host->every = (uint32_t)msh_take(packet + 9, 4);
    host->most = (uint32_t)msh_take(packet + 13, 4);
    return NULL;
}

mainstay_host *mainstay_host_connect(const char *contract, uint32_t version, char *error, size_t room) {
    static int is_taken;
    const char *numbers = getenv("MAINSTAY_HOST"), *text = getenv("MAINSTAY_HOST_SECRET"), *wrong;
    char reason[MSH_PACKET_MOST + 64];
    unsigned char secret[32];
    int given[3] = {-1, -1, -1}, count, i, end = 0;
    sigset_t all, before;
    pthread_t life;
    mainstay_host *host = calloc(1, sizeof *host);
    if (!host) return msh_failed(host, error, room, "there is no memory");
    if (!numbers) return msh_failed(host, error, room, "MAINSTAY_HOST is not set: start this as a child of kind `host`");
    count = sscanf(numbers, "%d,%d%n,%d%n", &given[0], &given[1], &end, &given[2], &end);
    if (count < 2 || numbers[end] || given[0] == given[1] || given[2] == given[0] || given[2] == given[1])
        return msh_failed(host, error, room, "MAINSTAY_HOST is not two or three numbers of descriptors");
    if (!text || strlen(text) != 64) return msh_failed(host, error, room, "MAINSTAY_HOST_SECRET is not 64 digits");
    for (i = 0; i < 32; i++) {
        int high = msh_digit(text[2 * i]), low = msh_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return msh_failed(host, error, room, "MAINSTAY_HOST_SECRET is not hexadecimal");
        secret[i] = (unsigned char)(high << 4 | low);
    }
    if (__atomic_exchange_n(&is_taken, 1, __ATOMIC_SEQ_CST))
        return msh_failed(host, error, room, "this process has connected before");
    for (i = 0; i < count; i++)
        if (fcntl(given[i], F_SETFD, FD_CLOEXEC))
            return msh_failed(host, error, room, "a descriptor of MAINSTAY_HOST is not open");
    if (!msh_is(given[0], SOCK_SEQPACKET) || !msh_is(given[1], SOCK_STREAM))
        return msh_failed(host, error, room, "the descriptors of MAINSTAY_HOST are not the sockets they should be");
    host->control = given[0];
    host->calls = given[1];
    host->next_calls = -1;
    if (count == 3 && msh_map(host, given[2]))
        return msh_failed(host, error, room, "the ring of the flight recorder cannot be used");
    if (pthread_mutex_init(&host->lock, NULL) || msh_pipe(host->life_wake) || msh_pipe(host->serve_wake))
        return msh_failed(host, error, room, "the system has no descriptor left");
    wrong = msh_greet(host, secret, contract, version, reason);
    if (wrong) return msh_failed(host, error, room, wrong);
    /* Signals are for the program's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    i = pthread_create(&life, NULL, msh_life, host);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (i) return msh_failed(host, error, room, "the system has no thread left");
    pthread_detach(life);
    return host;
}

uint64_t mainstay_host_run(const mainstay_host *host) { return host->run; }

void mainstay_host_on_reload(mainstay_host *host, void (*reload)(void *), void *own) {
    host->reload = reload;
    host->reload_own = own;
}

void mainstay_host_ready(mainstay_host *host) {
    pthread_mutex_lock(&host->lock);
    host->is_ready = 1;
    pthread_mutex_unlock(&host->lock);
    msh_tell(host, 'R', "", 0);
}

void mainstay_host_status(mainstay_host *host, const char *text) { msh_tell_text(host, 'S', text); }

void mainstay_host_recycle(mainstay_host *host, const char *reason) { msh_tell_text(host, 'Y', reason); }

void mainstay_host_progress(mainstay_host *host) { msh_tell(host, 'P', "", 0); }

void mainstay_host_extend(mainstay_host *host, uint64_t milliseconds) {
    unsigned char fields[8];
    msh_put(fields, milliseconds, 8);
    msh_tell(host, 'E', fields, sizeof fields);
}

void mainstay_host_record(mainstay_host *host, const char *text) { msh_note(host, host->call, 0, text); }

#endif
