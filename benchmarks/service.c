/* The service that every manager under test runs: next to free to start, and it says when things happened.
 *
 *   service STAMPS NAME idle
 *   service STAMPS NAME ready SECONDS           prints "ready" after SECONDS
 *   service STAMPS NAME listen SECONDS PORT     listens after SECONDS, answers every connection with 200
 *   service STAMPS NAME crash SECONDS           exits with 1 after SECONDS
 *   service STAMPS NAME lines SECONDS COUNT     prints COUNT lines of 80 bytes, in blocks of 4 KiB, after SECONDS
 *   service STAMPS NAME daemon                  leaves a daemon in a session of its own; stays itself, too
 *
 * Each event is one line "EVENT NAME PID NANOSECONDS" (CLOCK_MONOTONIC) appended to STAMPS by one write.
 * service.py does the same where there is no C compiler. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int stamps;
static const char *name;

static void stamp(const char *event) {
    struct timespec now;
    char line[256];
    clock_gettime(CLOCK_MONOTONIC, &now);
    int length = snprintf(line, sizeof line, "%s %s %d %lld\n", event, name, (int)getpid(),
                          now.tv_sec * 1000000000LL + now.tv_nsec);
    if (write(stamps, line, length) != length) exit(70);
}

static void rest(const char *seconds) {
    double wanted = atof(seconds);
    struct timespec left = {(time_t)wanted, (long)((wanted - (time_t)wanted) * 1e9)};
    while (nanosleep(&left, &left) != 0) {}
}

static void idle(void) {
    for (;;) pause();
}

static void serve(int port) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char request[8192];
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 64) != 0) exit(71);
    stamp("listening");
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        if (read(peer, request, sizeof request) > 0) {
            if (write(peer, answer, sizeof answer - 1) < 0) exit(72);
        }
        close(peer);
    }
}

static void print_lines(long count) {
    static char block[4096], line[81];
    setvbuf(stdout, block, _IOFBF, sizeof block);
    for (long number = 1; number <= count; number++) {
        int length = snprintf(line, sizeof line, "%s %07ld ", name, number);
        memset(line + length, '.', 79 - length);
        line[79] = '\n';
        fwrite(line, 1, 80, stdout);
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 4) return 64;
    const char *mode = argv[3];
    name = argv[2];
    stamps = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    stamp("start");
    if (!strcmp(mode, "ready")) {
        rest(argv[4]);
        stamp("ready");
        puts("ready");
        fflush(stdout);
    } else if (!strcmp(mode, "listen")) {
        rest(argv[4]);
        serve(atoi(argv[5]));
    } else if (!strcmp(mode, "crash")) {
        rest(argv[4]);
        stamp("crash");
        return 1;
    } else if (!strcmp(mode, "lines")) {
        rest(argv[4]);
        stamp("printing");
        print_lines(atol(argv[5]));
        stamp("printed");
    } else if (!strcmp(mode, "daemon") && fork() == 0) {
        setsid();
        if (fork() != 0) _exit(0);
        stamp("daemon");
    }
    idle();
}
