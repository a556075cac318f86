/* SPDX-License-Identifier: MIT */
/*
 * What init.c does to devices COUNT times: lines on the console, blocks of the disk /dev/vda, datagrams on the network eth0.
 *
 * One block is in flight at a time, past the page cache. Datagrams go to a neighbour whose address is known beforehand, so nobody need answer for it: port 9 discards,
 * port 7 sends back what came.
 *
 * Source: open(2), netdevice(7), arp(7), udp(7); RFC 862 (echo), RFC 863 (discard).
 */
#ifndef BENCH_IO_H
#define BENCH_IO_H

#ifdef __sparc__
enum { CALL_MOUNT = 167, DIRECT = 0x100000 };
#elif defined __mips__
enum { CALL_MOUNT = 21, DIRECT = 0x8000 };
#else
enum { CALL_MOUNT = 21, DIRECT = 0x20000 };
#endif
enum { CALL_OPEN = 5, CALL_LSEEK = 19, READ_AND_WRITE = 2 };
enum { LINE_BYTES = 64, BLOCK_BYTES = 4096, DISK_BLOCKS = 128, DATAGRAM_BYTES = 1000 };
enum { INET = 2, DATAGRAMS = 2, ETHERNET = 1, SET_ADDRESS = 0x8916, SET_FLAGS = 0x8914, SET_NEIGHBOUR = 0x8955, UP_AND_RUNNING = 1 | 64, KNOWN_FOR_EVER = 2 | 4 };
enum { PORT_ECHO = 7, PORT_DISCARD = 9, OWN_IP = 0x0a000001, PEER_IP = 0x0a000009 };

struct place {
    unsigned short family, port;
    unsigned ip;
    unsigned char zero[8];
};

static unsigned char area[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));

static long work_console(long count)
{
    static char line[LINE_BYTES];

    for (int i = 0; i < LINE_BYTES - 1; i++)
        line[i] = (char)('!' + i);
    line[LINE_BYTES - 1] = '\n';
    while (count--)
        if (call(CALL_WRITE, 1, (long)line, LINE_BYTES, 0, 0, 0) != LINE_BYTES)
            return -1;
    return 0;
}

static long blocks(long count, long how)
{
    call(CALL_MOUNT, (long)"none", (long)"/dev", (long)"devtmpfs", 0, 0, 0);
    long disk = call(CALL_OPEN, (long)"/dev/vda", READ_AND_WRITE | DIRECT, 0, 0, 0, 0);

    if (disk < 0)
        return disk;
    for (long turn = 0; turn < count; turn++) {
        if (turn % DISK_BLOCKS == 0 && call(CALL_LSEEK, disk, 0, 0, 0, 0, 0) != 0)
            return -1;
        area[0] = (unsigned char)turn;
        if (call(how, disk, (long)area, BLOCK_BYTES, 0, 0, 0) != BLOCK_BYTES)
            return -2;
    }
    return 0;
}

static long work_disk_read(long count)
{
    return blocks(count, CALL_READ);
}

static long work_disk_write(long count)
{
    return blocks(count, CALL_WRITE);
}

static struct place place(unsigned ip, unsigned port)
{
    struct place made = {.family = INET, .port = (unsigned short)port, .ip = ip};
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    made.port = __builtin_bswap16(made.port);
    made.ip = __builtin_bswap32(made.ip);
#endif
    return made;
}

/* A socket on `port` of a network that is up. */
static long network(unsigned port)
{
    struct {
        char device[16];
        union {
            struct place place;
            short flags;
        };
    } request = {.device = "eth0", .place = place(OWN_IP, 0)};
    struct {
        struct place ip;
        unsigned short hardware;
        unsigned char address[14];
        int flags;
        struct place mask;
        char device[16];
    } neighbour = {.ip = place(PEER_IP, 0), .hardware = ETHERNET, .address = {2, 0, 0, 0, 0, 9}, .flags = KNOWN_FOR_EVER, .device = "eth0"};
    struct place own = place(0, port);
    long s = call(CALL_SOCKET, INET, DATAGRAMS, 0, 0, 0, 0);

    if (s < 0 || call(CALL_IOCTL, s, SET_ADDRESS, (long)&request, 0, 0, 0))
        return -1;
    request.flags = UP_AND_RUNNING;
    if (call(CALL_IOCTL, s, SET_FLAGS, (long)&request, 0, 0, 0) || call(CALL_IOCTL, s, SET_NEIGHBOUR, (long)&neighbour, 0, 0, 0))
        return -2;
    return call(CALL_BIND, s, (long)&own, sizeof own, 0, 0, 0) ? -3 : s;
}

static long datagrams(long count, unsigned port)
{
    struct place to = place(PEER_IP, port);
    long s = network(port);

    if (s < 0)
        return s;
    for (long turn = 0; turn < count; turn++) {
        area[0] = (unsigned char)turn;
        if (call(CALL_SENDTO, s, (long)area, DATAGRAM_BYTES, 0, (long)&to, sizeof to) != DATAGRAM_BYTES)
            return -4;
        if (port == PORT_ECHO && (call(CALL_READ, s, (long)area, BLOCK_BYTES, 0, 0, 0) != DATAGRAM_BYTES || area[0] != (unsigned char)turn))
            return -5;
    }
    return 0;
}

static long work_net_send(long count)
{
    return datagrams(count, PORT_DISCARD);
}

static long work_net_echo(long count)
{
    return datagrams(count, PORT_ECHO);
}

#endif
