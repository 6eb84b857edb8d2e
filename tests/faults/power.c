/* A disk that forgets what was not synced: preloaded into the relay, it keeps a copy of each file as of its last
 * fsync or fdatasync in another folder, which is what a power cut would leave behind.
 *
 * FAULTS_STATE is the folder to watch, FAULTS_DISK the one for the copies. A rename or a removal counts from the
 * moment the folder, or a file in it, is synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char waiting[64][2][NAME_MAX + 1];
static int count;

/* Return the name of a file within the watched folder, or NULL. */
static const char *watched(const char *path) {
    const char *state = getenv("FAULTS_STATE");
    size_t length = state ? strlen(state) : 0;
    if (!length || strncmp(path, state, length) || path[length] != '/') return NULL;
    return strchr(path + length + 1, '/') ? NULL : path + length + 1;
}

static void on_disk(char *to, const char *name) {
    snprintf(to, PATH_MAX, "%s/%s", getenv("FAULTS_DISK"), name);
}

/* What was renamed or removed before this moment is so on the disk now. */
static void settle_names(void) {
    char from[PATH_MAX], to[PATH_MAX];
    for (int n = 0; n < count; n++) {
        on_disk(from, waiting[n][0]);
        on_disk(to, waiting[n][1]);
        if (waiting[n][1][0]) rename(from, to);
        else unlink(from);
    }
    count = 0;
}

static void wait_for_sync(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    if (count < 64) {
        snprintf(waiting[count][0], NAME_MAX, "%s", from);
        snprintf(waiting[count++][1], NAME_MAX, "%s", to);
    }
    pthread_mutex_unlock(&lock);
}

static void copy(int descriptor, const char *name) {
    char to[PATH_MAX], whole[PATH_MAX + 8], block[65536];
    off_t at = 0;
    ssize_t got;
    on_disk(to, name);
    snprintf(whole, sizeof whole, "%s.part", to);
    int out = open(whole, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (out < 0) return;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int in = open(path, O_RDONLY); /* the descriptor itself may be for writing only */
    while (in >= 0 && (got = pread(in, block, sizeof block, at)) > 0) {
        if (write(out, block, got) != got) break;
        at += got;
    }
    if (in >= 0) close(in);
    close(out);
    rename(whole, to);
}

static void synced(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    const char *state = getenv("FAULTS_STATE"), *name = watched(path);
    if (state == NULL) return;
    pthread_mutex_lock(&lock);
    if (name) copy(descriptor, name);
    if (name || !strcmp(path, state)) settle_names();
    pthread_mutex_unlock(&lock);
}

int fsync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int result = real(descriptor);
    if (result == 0) synced(descriptor);
    return result;
}

int fdatasync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int result = real(descriptor);
    if (result == 0) synced(descriptor);
    return result;
}

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    if (!real) real = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    int result = real(from, to);
    const char *old = watched(from), *new = watched(to);
    if (result == 0 && old && new) wait_for_sync(old, new);
    return result;
}

int unlink(const char *path) {
    static int (*real)(const char *);
    if (!real) real = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    int result = real(path);
    const char *name = watched(path);
    if (result == 0 && name) wait_for_sync(name, "");
    return result;
}
