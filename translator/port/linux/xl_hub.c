/* SPDX-License-Identifier: MIT */
/*
 * The workstation's network hub. See xl_hub.h for the rules.
 *
 * Source: unix(7), accept4(2), send(2).
 */
#define _GNU_SOURCE
#include "xl_hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FRAME_MIN = 14, PUMP_FRAMES = 64 };
enum member_kind { MEMBER_NONE, MEMBER_MACHINE, MEMBER_SOCKET };

struct frame {
    uint16_t bytes;
    uint8_t data[XL_FRAME_MAX];
};
struct member {
    enum member_kind kind;
    int fd;              /* of a socket */
    struct frame *queue; /* of a machine: HUB_QUEUE_FRAMES of them */
    unsigned first, count;
};
struct xl_hub {
    int listener; /* -1: not the process that listens */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    struct member member[HUB_MEMBERS_MAX];
    uint64_t lost;
};

static int member_new(struct xl_hub *hub, struct member made)
{
    for (int i = 0; i < HUB_MEMBERS_MAX; i++)
        if (hub->member[i].kind == MEMBER_NONE) {
            hub->member[i] = made;
            return i;
        }
    return -1;
}

static void member_end(struct member *m)
{
    if (m->kind == MEMBER_SOCKET)
        close(m->fd);
    free(m->queue);
    *m = (struct member){0};
}

int xl_hub_join(struct xl_hub *hub)
{
    struct frame *queue = calloc(HUB_QUEUE_FRAMES, sizeof *queue);
    int member = queue ? member_new(hub, (struct member){.kind = MEMBER_MACHINE, .queue = queue}) : -1;

    if (member < 0)
        free(queue);
    return member;
}

void xl_hub_leave(struct xl_hub *hub, int member)
{
    member_end(&hub->member[member]);
}

/* Connect to whoever listens at the path, else listen there; a path whose owner is gone is taken over. */
static bool path_open(struct xl_hub *hub)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat found;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(at.sun_path, hub->path, sizeof at.sun_path);
    if (fd < 0)
        return false;
    if (!connect(fd, (struct sockaddr *)&at, sizeof at))
        return member_new(hub, (struct member){.kind = MEMBER_SOCKET, .fd = fd}) >= 0;
    if (errno == ECONNREFUSED && !lstat(hub->path, &found) && S_ISSOCK(found.st_mode))
        unlink(hub->path); /* no one listens there any more; any other file is not ours to remove */
    if (!bind(fd, (struct sockaddr *)&at, sizeof at) && !listen(fd, HUB_MEMBERS_MAX)) {
        hub->listener = fd;
        return true;
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return false;
}

struct xl_hub *xl_hub_create(const char *path, char *error, size_t error_bytes)
{
    struct xl_hub *hub = calloc(1, sizeof *hub);

    if (!hub || strlen(path) >= sizeof hub->path) {
        snprintf(error, error_bytes, hub ? "a socket's path has at most %zu characters" : "no memory", sizeof hub->path - 1);
        free(hub);
        return NULL;
    }
    hub->listener = -1;
    strcpy(hub->path, path);
    if (*path && !path_open(hub)) {
        snprintf(error, error_bytes, "%s", strerror(errno));
        free(hub);
        return NULL;
    }
    return hub;
}

void xl_hub_destroy(struct xl_hub *hub)
{
    if (!hub)
        return;
    for (unsigned i = 0; i < HUB_MEMBERS_MAX; i++)
        member_end(&hub->member[i]);
    if (hub->listener >= 0) {
        close(hub->listener);
        unlink(hub->path);
    }
    free(hub);
}

static bool queue_put(struct member *m, const uint8_t *frame, unsigned bytes)
{
    if (m->count == HUB_QUEUE_FRAMES)
        return false;
    struct frame *f = &m->queue[(m->first + m->count++) % HUB_QUEUE_FRAMES];
    f->bytes = (uint16_t)bytes;
    memcpy(f->data, frame, bytes);
    return true;
}

static bool socket_put(struct member *m, const uint8_t *frame, unsigned bytes)
{
    if (send(m->fd, frame, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (errno != EAGAIN && errno != ENOBUFS)
        member_end(m);
    return false;
}

void xl_hub_send(struct xl_hub *hub, int from, const uint8_t *frame, unsigned bytes)
{
    if (bytes < FRAME_MIN || bytes > XL_FRAME_MAX)
        return;
    for (int i = 0; i < HUB_MEMBERS_MAX; i++) {
        struct member *m = &hub->member[i];
        if (i == from || m->kind == MEMBER_NONE)
            continue;
        bool is_taken = m->kind == MEMBER_MACHINE ? queue_put(m, frame, bytes) : socket_put(m, frame, bytes);
        hub->lost += !is_taken;
    }
}

const uint8_t *xl_hub_first(struct xl_hub *hub, int member, unsigned *bytes)
{
    const struct member *m = &hub->member[member];

    if (!m->count)
        return NULL;
    *bytes = m->queue[m->first].bytes;
    return m->queue[m->first].data;
}

void xl_hub_drop(struct xl_hub *hub, int member)
{
    struct member *m = &hub->member[member];

    if (m->count) {
        m->first = (m->first + 1) % HUB_QUEUE_FRAMES;
        m->count--;
    }
}

static void socket_pump(struct xl_hub *hub, int member)
{
    struct member *m = &hub->member[member];
    uint8_t frame[XL_FRAME_MAX];

    for (unsigned i = 0; i < PUMP_FRAMES && m->kind == MEMBER_SOCKET; i++) {
        ssize_t got = recv(m->fd, frame, sizeof frame, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0)
            member_end(m);
        else if (got <= XL_FRAME_MAX)
            xl_hub_send(hub, member, frame, (unsigned)got);
    }
}

void xl_hub_pump(struct xl_hub *hub)
{
    int fd;

    while (hub->listener >= 0 && (fd = accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
        if (member_new(hub, (struct member){.kind = MEMBER_SOCKET, .fd = fd}) < 0)
            close(fd);
    for (int i = 0; i < HUB_MEMBERS_MAX; i++)
        if (hub->member[i].kind == MEMBER_SOCKET)
            socket_pump(hub, i);
}

unsigned xl_hub_descriptors(const struct xl_hub *hub, int *fd, unsigned room)
{
    unsigned count = 0;

    if (hub->listener >= 0 && room)
        fd[count++] = hub->listener;
    for (unsigned i = 0; i < HUB_MEMBERS_MAX && count < room; i++)
        if (hub->member[i].kind == MEMBER_SOCKET)
            fd[count++] = hub->member[i].fd;
    return count;
}

uint64_t xl_hub_lost(const struct xl_hub *hub)
{
    return hub->lost;
}
