/* A disk that forgets what was not synced, for machines without a loop device: cc -shared -fPIC -o forgetful.so
 * forgetful.c, then LD_PRELOAD it into a dynamically linked program.
 *
 * FORGETFUL_FOLDER=what is watched     FORGETFUL_KEPT=a folder with a subfolder `content`
 *
 * What a power cut would leave stands in FORGETFUL_KEPT: at each fsync or fdatasync of a file or folder below the watched
 * one, the file's content as `content/INODE-BIRTH`, and in `names` the whole tree, a line `d|f INODE-BIRTH PATH` each.
 * So names are as safe as on a file system with one journal (ext4, xfs), where every sync commits the names before it;
 * content is safe only where the file itself was synced. sync_file_range, as promised, makes nothing safe. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static const char *watched;
static FILE *names;

/* The name of a file's content: an inode alone is used again for the next file. */
static int key_of(int folder, const char *path, int flags, char key[64]) {
    struct statx s;
    memset(&s, 0, sizeof s);
    if (statx(folder, path, flags, STATX_INO | STATX_BTIME, &s) != 0) return -1;
    snprintf(key, 64, "%llu-%lld.%u", (unsigned long long)s.stx_ino, (long long)s.stx_btime.tv_sec, s.stx_btime.tv_nsec);
    return 0;
}

static int name(const char *path, const struct stat *s, int kind, struct FTW *at) {
    (void)s, (void)at;
    struct stat still;
    char key[64];
    /* One that cannot be asked was renamed or removed while we walk. */
    if (lstat(path, &still) != 0 || key_of(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, key) != 0) return 0;
    if (kind == FTW_F && !S_ISREG(still.st_mode)) return 0;
    const char *rest = path + strlen(watched);
    if (*rest == '/') fprintf(names, "%c %s %s\n", kind == FTW_F ? 'f' : 'd', key, rest + 1);
    return 0;
}

static void keep_content(int fd, const char *kept) {
    static char buffer[1 << 16];
    char key[64], aside[PATH_MAX], path[PATH_MAX];
    if (key_of(fd, "", AT_EMPTY_PATH, key) != 0) abort();
    snprintf(aside, sizeof aside, "%s/aside", kept);
    snprintf(path, sizeof path, "%s/content/%s", kept, key);
    char own[64];
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd); /* the caller's may be open for writing alone */
    int from = open(own, O_RDONLY | O_CLOEXEC), to = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) abort();
    ssize_t length;
    while ((length = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, (size_t)length) != length) abort();
    close(from), close(to);
    if (rename(aside, path) != 0) abort();
}

static void keep_names(const char *kept) {
    char aside[PATH_MAX], path[PATH_MAX];
    snprintf(aside, sizeof aside, "%s/aside", kept);
    snprintf(path, sizeof path, "%s/names", kept);
    names = fopen(aside, "we");
    if (!names) abort();
    nftw(watched, name, 16, FTW_PHYS);
    if (fclose(names) != 0 || rename(aside, path) != 0) abort();
}

static int keep(int fd) {
    const char *kept = getenv("FORGETFUL_KEPT");
    char own[64], path[PATH_MAX];
    watched = getenv("FORGETFUL_FOLDER");
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(own, path, sizeof path - 1);
    if (!watched || !kept || length < 0) return 0;
    path[length] = 0;
    if (strncmp(path, watched, strlen(watched)) != 0) return 0;
    struct stat s;
    if (fstat(fd, &s) != 0) return -1;
    pthread_mutex_lock(&one_at_a_time);
    if (S_ISREG(s.st_mode)) keep_content(fd, kept);
    keep_names(kept);
    pthread_mutex_unlock(&one_at_a_time);
    return 0;
}

int fsync(int fd) { return keep(fd); }
int fdatasync(int fd) { return keep(fd); }
