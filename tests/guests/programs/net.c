/* SPDX-License-Identifier: MIT */
/*
 * What a test needs of a network inside a guest, in one static program without a C library:
 *
 *   net up DEVICE ADDRESS       give it the address, mask 255.255.255.0, and switch it on
 *   net ping ADDRESS COUNT      ICMP echo; a line for each answer
 *   net receive PORT >FILE      take one TCP connection to its end; the CRC-32 goes to standard error
 *   net send ADDRESS PORT <FILE connect, send all, and wait until the other side closed; the CRC-32 likewise
 *   net crc <FILE               only the CRC-32
 *
 * Source: RFC 792 (echo), RFC 1071 (checksum); socket(7), netdevice(7).
 */
#include "call.h"

enum { STREAM = 1, DATAGRAM = 2, RAW = 3, INET = 2, PROTOCOL_ICMP = 1, ECHO_REQUEST = 8, ECHO_REPLY = 0 };
enum { SET_ADDRESS = 0x8916, SET_MASK = 0x891c, SET_FLAGS = 0x8914, FLAG_UP = 1, FLAG_RUNNING = 64, NEWS_TO_READ = 1, END_OF_SENDING = 1 };
enum { ECHO_BYTES = 64, BUFFER_BYTES = 16384, ANSWER_MS = 2000, TRIES_MAX = 200 };

struct place {
    unsigned short family, port;
    unsigned ip;
    unsigned char zero[8];
};
struct request { /* to a network device */
    char device[16];
    union {
        struct place place;
        short flags;
    };
};
struct news {
    int fd;
    short wanted, found;
};

static unsigned char buffer[BUFFER_BYTES];

static unsigned text_length(const char *text)
{
    unsigned n = 0;

    while (text[n])
        n++;
    return n;
}

static void say(const char *text)
{
    call(CALL_WRITE, 2, (long)text, (long)text_length(text), 0, 0, 0);
}

static void say_number(unsigned long value, unsigned base)
{
    char text[20];
    unsigned at = sizeof text - 1;

    text[at] = 0;
    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    say(text + at);
}

static _Noreturn void leave(int code)
{
    for (;;)
        call(CALL_EXIT, code, 0, 0, 0, 0, 0);
}

static long must(long result, const char *what)
{
    if (result >= 0)
        return result;
    say("net: ");
    say(what);
    say(": error ");
    say_number((unsigned long)-result, 10);
    say("\n");
    leave(1);
}

static unsigned long number(const char *text)
{
    unsigned long value = 0;

    while (*text >= '0' && *text <= '9')
        value = value * 10 + (unsigned long)(*text++ - '0');
    return value;
}

/* A dotted address in network order; both guests are big-endian. */
static unsigned address(const char *text)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        value = value << 8 | (number(text) & 255);
        while (*text && *text++ != '.')
            ;
    }
    return value;
}

static struct place place(unsigned ip, unsigned port)
{
    return (struct place){.family = INET, .port = (unsigned short)port, .ip = ip};
}

static unsigned crc;

static void crc_add(const unsigned char *p, long bytes)
{
    unsigned sum = ~crc;

    while (bytes-- > 0) {
        sum ^= *p++;
        for (int i = 0; i < 8; i++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
    crc = ~sum;
}

/* Move everything from one descriptor to another (-1: nowhere); returns how many bytes that were. */
static unsigned long pump(int from, int to)
{
    unsigned long total = 0;
    long got;

    while ((got = must(call(CALL_READ, from, (long)buffer, BUFFER_BYTES, 0, 0, 0), "read")) > 0) {
        crc_add(buffer, got);
        for (long at = 0; to >= 0 && at < got;)
            at += must(call(CALL_WRITE, to, (long)(buffer + at), got - at, 0, 0, 0), "write");
        total += (unsigned long)got;
    }
    return total;
}

static void report(unsigned long total)
{
    say("bytes ");
    say_number(total, 10);
    say(" crc ");
    say_number(crc, 16);
    say("\n");
}

static void up(const char *device, const char *ip)
{
    struct request request = {0};
    int s = (int)must(call(CALL_SOCKET, INET, DATAGRAM, 0, 0, 0, 0), "socket");

    for (unsigned i = 0; device[i] && i < sizeof request.device - 1; i++)
        request.device[i] = device[i];
    request.place = place(address(ip), 0);
    must(call(CALL_IOCTL, s, SET_ADDRESS, (long)&request, 0, 0, 0), "address");
    request.place = place(0xffffff00, 0);
    must(call(CALL_IOCTL, s, SET_MASK, (long)&request, 0, 0, 0), "mask");
    request.flags = FLAG_UP | FLAG_RUNNING;
    must(call(CALL_IOCTL, s, SET_FLAGS, (long)&request, 0, 0, 0), "switch on");
}

static unsigned short sum_of(const unsigned char *p, unsigned bytes)
{
    unsigned sum = 0;

    for (unsigned i = 0; i + 1 < bytes; i += 2)
        sum += (unsigned)p[i] << 8 | p[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (unsigned short)~sum;
}

/* Wait for the answer with this sequence number; is it whole? */
static int answered(int s, unsigned char *sent, unsigned sequence)
{
    struct news news = {.fd = s, .wanted = NEWS_TO_READ};

    while (must(call(CALL_POLL, (long)&news, 1, ANSWER_MS, 0, 0, 0), "poll") > 0) {
        long got = must(call(CALL_READ, s, (long)buffer, BUFFER_BYTES, 0, 0, 0), "read");
        unsigned head = (buffer[0] & 15) * 4u;
        const unsigned char *icmp = buffer + head;
        if (got < (long)(head + ECHO_BYTES) || icmp[0] != ECHO_REPLY || icmp[7] != (sequence & 255))
            continue;
        for (unsigned i = 8; i < ECHO_BYTES; i++)
            if (icmp[i] != sent[i])
                return 0;
        return !sum_of(icmp, ECHO_BYTES);
    }
    return 0;
}

static void ping(const char *ip, unsigned count)
{
    int s = (int)must(call(CALL_SOCKET, INET, RAW, PROTOCOL_ICMP, 0, 0, 0), "raw socket");
    struct place to = place(address(ip), 0);
    unsigned good = 0;

    for (unsigned i = 1; i <= count; i++) {
        unsigned char echo[ECHO_BYTES] = {ECHO_REQUEST, [7] = (unsigned char)i};
        for (unsigned j = 8; j < ECHO_BYTES; j++)
            echo[j] = (unsigned char)(i * 31 + j);
        unsigned short sum = sum_of(echo, ECHO_BYTES);
        echo[2] = (unsigned char)(sum >> 8);
        echo[3] = (unsigned char)sum;
        must(call(CALL_SENDTO, s, (long)echo, ECHO_BYTES, 0, (long)&to, sizeof to), "send");
        good += (unsigned)answered(s, echo, i);
    }
    say_number(good, 10);
    say(" of ");
    say_number(count, 10);
    say(" answered\n");
    leave(good != count);
}

static void receive(unsigned port)
{
    struct place here = place(0, port);
    int s = (int)must(call(CALL_SOCKET, INET, STREAM, 0, 0, 0, 0), "socket"), on = 1;

    must(call(CALL_SETSOCKOPT, s, LEVEL_SOCKET, REUSE_ADDRESS, (long)&on, sizeof on, 0), "reuse");
    must(call(CALL_BIND, s, (long)&here, sizeof here, 0, 0, 0), "bind");
    must(call(CALL_LISTEN, s, 1, 0, 0, 0, 0), "listen");
    report(pump((int)must(call(CALL_ACCEPT, s, 0, 0, 0, 0, 0), "accept"), 1));
}

static void send_all(const char *ip, unsigned port)
{
    struct place to = place(address(ip), port);

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        int s = (int)must(call(CALL_SOCKET, INET, STREAM, 0, 0, 0, 0), "socket");
        if (call(CALL_CONNECT, s, (long)&to, sizeof to, 0, 0, 0) >= 0) {
            unsigned long total = pump(0, s);
            must(call(CALL_SHUTDOWN, s, END_OF_SENDING, 0, 0, 0, 0), "end"); /* the other side closes when it has everything */
            must(call(CALL_READ, s, (long)buffer, BUFFER_BYTES, 0, 0, 0), "wait for the end");
            report(total);
            return;
        }
        call(CALL_CLOSE, s, 0, 0, 0, 0, 0);
        call(CALL_POLL, 0, 0, 50, 0, 0, 0);
    }
    must(-1, "nobody listens");
}

static int is(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

void program(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (argc == 4 && is(what, "up"))
        up(argv[2], argv[3]);
    else if (argc == 4 && is(what, "ping"))
        ping(argv[2], (unsigned)number(argv[3]));
    else if (argc == 3 && is(what, "receive"))
        receive((unsigned)number(argv[2]));
    else if (argc == 4 && is(what, "send"))
        send_all(argv[2], (unsigned)number(argv[3]));
    else if (argc == 2 && is(what, "crc"))
        report(pump(0, -1));
    else
        must(-1, "up, ping, receive, send or crc");
    leave(0);
}
