/* Many clients at once, in one thread and without an interpreter: so that the client is not what is measured.
 *
 *     crowd HOST PORT CLIENTS SECONDS BUDGET MATCHES TOGETHER < messages > latencies
 *
 * It says what tests/bench/wire.py made (stdin, lengths as 32-bit integers of this machine):
 *     length, A-ASSOCIATE-RQ; number of messages; of each: number of writes; of each write: length, bytes
 * and writes the seconds it took (double), then the seconds of each question (double). A question is TOGETHER
 * messages, each said when the one before has been answered. Questions of one message are asked again and again;
 * longer ones (N-CREATE and N-SET) once, and when there are no more, it is over. A server that answers other than
 * MATCHES matches and Success, refuses, or ends a connection is an error: one line on stderr, exit code 1.
 * PS3.8 section 9.3 and Annex E; PS3.7 section 6.3 and 9.3.2.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CLIENTS = 1024, LONGEST = 1 << 18, P_DATA = 4, ASSOCIATE_AC = 2, IS_COMMAND = 1, IS_LAST = 2 };
enum { STATUS = 0x0900, DATA_SET_TYPE = 0x0800, NO_DATA_SET = 0x0101 };

struct bytes { uint32_t length; unsigned char *data; };
struct message { uint32_t count; struct bytes *writes; };
struct client {
    int socket;
    unsigned char *received;
    size_t have;
    int pending, status, follows, done;
    uint32_t said, next;
    double began;
};

static struct bytes associate;
static struct message *messages;
static uint32_t message_count, next_message, together;
static int matches;
static double *latencies;
static size_t latency_count, latency_room;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec + moment.tv_nsec / 1e9;
}

static void *room(size_t size) {
    void *found = malloc(size ? size : 1);
    if (!found) fail("no memory");
    return found;
}

static void get(void *into, size_t size) {
    if (size && fread(into, size, 1, stdin) != 1) fail("the messages end too early");
}

static struct bytes get_bytes(void) {
    struct bytes found;
    get(&found.length, sizeof found.length);
    found.data = room(found.length);
    get(found.data, found.length);
    return found;
}

static void get_messages(void) {
    associate = get_bytes();
    get(&message_count, sizeof message_count);
    if (message_count < together) fail("there is no question");
    messages = room(message_count * sizeof *messages);
    for (uint32_t i = 0; i < message_count; i++) {
        get(&messages[i].count, sizeof messages[i].count);
        messages[i].writes = room(messages[i].count * sizeof(struct bytes));
        for (uint32_t j = 0; j < messages[i].count; j++) messages[i].writes[j] = get_bytes();
    }
}

static void say(struct client *client, struct bytes message) {
    if (send(client->socket, message.data, message.length, MSG_NOSIGNAL) != (ssize_t)message.length)
        fail("does not read");
}

static void say_next(struct client *client) {
    struct message *message = &messages[client->next++];
    client->pending = 0;
    client->said++;
    for (uint32_t i = 0; i < message->count; i++) say(client, message->writes[i]);
}

/* Begin the next question; tell whether there is one. */
static int ask(struct client *client) {
    if (next_message + together > message_count) {
        if (together > 1) return 0;
        next_message = 0;
    }
    client->next = next_message;
    next_message += together;
    client->said = 0;
    client->began = now();
    say_next(client);
    return 1;
}

static uint32_t big(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t small(const unsigned char *at, int bytes) {
    uint32_t value = 0;
    while (bytes--) value = value << 8 | at[bytes];
    return value;
}

/* Read status and data set type of a response's command set. */
static void read_command(struct client *client, const unsigned char *at, const unsigned char *end) {
    client->status = -1;
    while (end - at >= 8) {
        uint32_t element = small(at + 2, 2), length = small(at + 4, 4);
        if (length > (uint32_t)(end - at - 8)) fail("a command set is cut short");
        if (element == STATUS) client->status = (int)small(at + 8, 2);
        if (element == DATA_SET_TYPE) client->follows = small(at + 8, 2) != NO_DATA_SET;
        at += 8 + length;
    }
    if (client->status < 0) fail("answered without a status");
    client->pending += client->status == 0xFF00 || client->status == 0xFF01;
}

/* Take the PDVs of one P-DATA-TF; tell whether the last response is whole. */
static int take_data(struct client *client, const unsigned char *at, const unsigned char *end) {
    int over = 0;
    while (end - at >= 6) {
        uint32_t length = big(at);
        if (length < 2 || length > (uint32_t)(end - at - 4)) fail("a PDV is cut short");
        int control = at[5], is_pending = client->status == 0xFF00 || client->status == 0xFF01;
        if (control & IS_COMMAND) {
            if (!(control & IS_LAST)) fail("a command set comes in pieces");
            read_command(client, at + 6, at + 4 + length);
            is_pending = client->status == 0xFF00 || client->status == 0xFF01;
            over = !is_pending && !client->follows;
        } else if (control & IS_LAST) {
            over = !is_pending;
        }
        at += 4 + length;
    }
    return over;
}

/* Read what is there; tell whether a whole PDU of a type ended something: an association, or a question. */
static int take(struct client *client, int wanted) {
    ssize_t count = recv(client->socket, client->received + client->have, LONGEST - client->have, 0);
    if (count <= 0) fail("ended the connection");
    client->have += (size_t)count;
    size_t at = 0;
    int over = 0;
    while (client->have - at >= 6) {
        uint32_t length = big(client->received + at + 2);
        if (length > LONGEST - 6) fail("sent a PDU of %u bytes", length);
        if (client->have - at < 6 + (size_t)length) break;
        const unsigned char *pdu = client->received + at;
        if (pdu[0] != wanted) fail("answered with a PDU of type %02X", pdu[0]);
        over |= wanted == P_DATA ? take_data(client, pdu + 6, pdu + 6 + length) : 1;
        at += 6 + length;
    }
    memmove(client->received, client->received + at, client->have - at);
    client->have -= at;
    return over;
}

static void open_client(struct client *client, const struct sockaddr_in *address) {
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    client->received = room(LONGEST);
    client->have = 0;
    client->done = 0;
    if (client->socket < 0 || connect(client->socket, (const struct sockaddr *)address, sizeof *address))
        fail("could not be connected to (%s)", strerror(errno));
    say(client, associate);
    while (!take(client, ASSOCIATE_AC)) {
    }
}

static void answered(struct client *client, double until) {
    double moment = now();
    if (client->status || client->pending != matches)
        fail("answered %04X with %d matches instead of %d", client->status, client->pending, matches);
    if (client->said < together) {
        say_next(client);
        return;
    }
    if (latency_count == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 4096;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies) fail("no memory");
    }
    latencies[latency_count++] = moment - client->began;
    client->done = moment >= until || !ask(client);
}

static void run(struct client *clients, int count, double until, double deadline) {
    struct pollfd *waiting = room(count * sizeof *waiting);
    int open = count;
    for (int i = 0; i < count; i++) waiting[i] = (struct pollfd){clients[i].socket, POLLIN, 0};
    for (int i = 0; i < count; i++)
        if (!ask(&clients[i])) fail("more clients than questions");
    while (open) {
        double left = deadline - now();
        if (left <= 0 || poll(waiting, (nfds_t)count, (int)(left * 1000) + 1) <= 0) fail("over budget");
        for (int i = 0; i < count; i++) {
            if (!waiting[i].revents || !take(&clients[i], P_DATA)) continue;
            answered(&clients[i], until);
            if (clients[i].done) {
                waiting[i].fd = -1;
                open--;
            }
        }
    }
    free(waiting);
}

int main(int argc, char **argv) {
    static const unsigned char release[] = {5, 0, 0, 0, 0, 4, 0, 0, 0, 0};
    if (argc != 8) fail("usage: crowd HOST PORT CLIENTS SECONDS BUDGET MATCHES TOGETHER < messages > latencies");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    int count = atoi(argv[3]);
    if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) fail("%s is no IPv4 address", argv[1]);
    if (count < 1 || count > MOST_CLIENTS) fail("between 1 and %d clients", MOST_CLIENTS);
    matches = atoi(argv[6]);
    together = (uint32_t)atoi(argv[7]);
    if (!together) fail("a question has at least one message");
    get_messages();
    struct client *clients = calloc((size_t)count, sizeof *clients);
    if (!clients) fail("no memory");
    for (int i = 0; i < count; i++) open_client(&clients[i], &address);
    double began = now();
    run(clients, count, began + atof(argv[4]), began + atof(argv[5]));
    double seconds = now() - began;
    for (int i = 0; i < count; i++) {
        send(clients[i].socket, release, sizeof release, MSG_NOSIGNAL);
        close(clients[i].socket);
    }
    fwrite(&seconds, sizeof seconds, 1, stdout);
    fwrite(latencies, sizeof *latencies, latency_count, stdout);
    return fflush(stdout) ? 1 : 0;
}
