/*
 * A C program that plays the IRIS process: it loads the callout library as $ZF does, calls it, and looks at its own
 * process from inside.
 *
 *     host LIBRARY [COMMAND...]        commands from the arguments, else one per line from standard input
 *
 * It promises: one result line per command (`fork` prints two), on file descriptor 3; nothing of its own on standard
 * output or error, so that whatever appears there came from the library. It never opens a second thread and changes no
 * signal, locale, directory or environment, so that every difference between two snapshots is the library's doing.
 * A problem that makes further results worthless prints `fatal MESSAGE` and ends the program with status 2.
 *
 * The library is loaded by `load`, or by the first command that needs it.
 *
 *     load                    -> loaded FUNCTIONS ZFINIT         ZFINIT: its result, or - if not exported
 *     unload                  -> unloaded ZFUNLOAD gone|resident
 *     zfinit                  -> zfinit RESULT                   calls ZFInit once more
 *     zfunload                -> zfunload RESULT                 calls ZFUnload, and leaves the library loaded
 *     init on|off             -> ok       whether a load calls ZFInit, as another host might not; on at first
 *     load-twice              -> loaded FUNCTIONS ZFINIT         as another kind of $ZF does beside the first
 *     unload-once             -> unloaded ZFUNLOAD resident      ends one of the two, with its ZFUnload
 *     call N [HEX]            -> result STATUS LENGTH BYTES MS CPU_US CHECKS GAP_MS
 *     repeat COUNT N [HEX]    -> the result line of the last call
 *     fork N [HEX]            -> child RESULT-LINE, parent RESULT-LINE
 *     terminate-after MS      -> ok       in the next call SIGRTCHK answers 1 once MS milliseconds have passed
 *     null-tables on|off      -> ok       GetZFTable gets null tables; counts from the next load
 *     strsize N               -> ok       what ZFSTRSIZE answers, and the size of the output buffer
 *     mgrdir PATH             -> ok       what IRISMGRDIRA, -W and -H answer
 *     guard on|off            -> ok       argument buffers end at an inaccessible page, inputs are read-only
 *     snapshot                -> snapshot KEY=VALUE...
 *     rss                     -> rss KIB
 *     threads-created         -> threads-created COUNT           pthread_create calls since the start
 *     random N                -> ok       getrandom works N more times, and then no more; for ever if N is negative
 *
 * BYTES is hexadecimal, - where there are none. STATUS is what the function returned; unless it is 0 the bytes are
 * lost, as in IRIS. CHECKS counts the SIGRTCHK calls of this call, GAP_MS is the longest time without one.
 *
 * Compile: gcc -std=gnu99 -Wall -Wextra -Werror host.c -ldl, with -DHAVE_HEADER to have mirrorvip.h checked against
 * the declarations used here.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#ifdef HAVE_HEADER
#include "mirrorvip.h"
#endif

extern char **environ;

enum {
    RESULTS = 3,            /* the descriptor of the result lines */
    SUCCESS = 0,            /* ZF_SUCCESS */
    MOST_FUNCTIONS = 1000,  /* a table without an end is found out before memory is */
    MOST_ARGUMENTS = 4,
    MOST_BYTES = 65535,     /* a counted string's length is an unsigned short */
    MARGIN_BEFORE = 64,     /* watched bytes in front of a buffer */
    MARGIN_BEHIND = 4096,   /* watched bytes behind a buffer that has no guard page */
    FATAL = 2,
    CHILD_PRINTED = 42      /* how a forked child says that its line is out */
};

/* ---- What InterSystems declares in iris-cdzf.h, under names that can stand beside a header's own ---------------- */

struct host_counted {
    unsigned short length;
    unsigned char data[];
};

struct host_entry {
    const char *name;
    const char *linkage;
    int (*function)();
};

struct host_callbacks {
    int (*zfstrsize)(void);
    int (*zferror)(int, int);
    int (*irismgrdira)(int, char *);
    int (*irismgrdirw)(int, unsigned short *);
    int (*sigrtchk)(void);
    int (*sigrtclr)(void);
    int (*dzfalarm)(void);
    int (*zfresjob)(void);
    int (*irismgrdirh)(int, wchar_t *);
};

#ifdef HAVE_HEADER
typedef __typeof__(&GetZFTable) get_table_function;
typedef __typeof__(&ZFInit) init_function;
typedef __typeof__(&ZFUnload) unload_function;
/* An array of negative size where the header's entry is not three pointers long. */
typedef char header_entry_fits[sizeof(*((get_table_function)0)((void *)0, (void *)0)) == sizeof(struct host_entry) ? 1 : -1];
#else
typedef struct host_entry *(*get_table_function)(const struct host_callbacks *, const void *);
typedef int (*init_function)(void);
typedef int (*unload_function)(void);
#endif

/* ---- State ------------------------------------------------------------------------------------------------------ */

static const char *library_path;
static void *library;
static void *second;            /* the same library, opened once more */
static int init = 1;            /* whether a load calls ZFInit */
static const struct host_entry *table;
static int table_length;
static int unload_allowed;

static int null_tables;
static int guard;
static int string_size = 32767;
static char *manager_directory;
static long terminate_after_ms = -1;

static const char *prefix = "";
static int is_child;
static volatile unsigned long threads_created;
static long random_left = -1;
static int pipe_blocked;        /* whether SIGPIPE was, before the library came */

static int inside;              /* the library is running: callbacks are welcome */
static int64_t call_began_ns;
static int64_t last_check_ns;
static int64_t largest_gap_ns;
static unsigned long checks;

/* ---- Results ---------------------------------------------------------------------------------------------------- */

static void write_all(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(RESULTS, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            _exit(FATAL);
        text += written;
        length -= (size_t)written;
    }
}

static void print_line(const char *kind, const char *format, va_list arguments)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        _exit(FATAL);
    fprintf(stream, "%s%s", prefix, kind);
    vfprintf(stream, format, arguments);
    fputc('\n', stream);
    fclose(stream);
    write_all(text, length);
    free(text);
}

static void emit(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void emit(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("", format, arguments);
    va_end(arguments);
}

static void fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fatal(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("fatal ", format, arguments);
    va_end(arguments);
    _exit(is_child ? CHILD_PRINTED : FATAL);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        fatal("clock_gettime: %s", strerror(errno));
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- The callbacks ---------------------------------------------------------------------------------------------- */

static void expect_inside(const char *name)
{
    sigset_t blocked;
    if (sigprocmask(SIG_SETMASK, NULL, &blocked) != 0 || sigismember(&blocked, SIGPIPE) != pipe_blocked)
        fatal("%s was called with another signal mask", name);
    if (syscall(SYS_gettid) != (long)getpid())
        fatal("%s was called from a second thread", name);
    if (!inside)
        fatal("%s was called outside of a call", name);
}

static int answer_zfstrsize(void)
{
    expect_inside("ZFSTRSIZE");
    return string_size;
}

static int answer_zferror(int number, int mode)
{
    (void)number;
    (void)mode;
    expect_inside("ZFERROR");
    return 0;
}

/* How these three end and what they return is not documented. Here: cut to fit, ended by a null, its length returned. */
#define ANSWER_DIRECTORY(FUNCTION, NAME, UNIT)                          \
    static int FUNCTION(int length, UNIT *buffer)                       \
    {                                                                   \
        int at = 0;                                                     \
        expect_inside(NAME);                                            \
        if (length <= 0 || buffer == NULL)                              \
            return 0;                                                   \
        for (; at < length - 1 && manager_directory[at] != '\0'; at++)  \
            buffer[at] = (UNIT)(unsigned char)manager_directory[at];    \
        buffer[at] = 0;                                                 \
        return at;                                                      \
    }
ANSWER_DIRECTORY(answer_irismgrdira, "IRISMGRDIRA", char)
ANSWER_DIRECTORY(answer_irismgrdirw, "IRISMGRDIRW", unsigned short)
ANSWER_DIRECTORY(answer_irismgrdirh, "IRISMGRDIRH", wchar_t)

static void note_gap(int64_t now)
{
    if (now - last_check_ns > largest_gap_ns)
        largest_gap_ns = now - last_check_ns;
    last_check_ns = now;
}

static int answer_sigrtchk(void)
{
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    expect_inside("SIGRTCHK");
    note_gap(now);
    checks++;
    if (terminate_after_ms >= 0 && now - call_began_ns >= (int64_t)terminate_after_ms * 1000000)
        return 1;
    /* "Not a signal" and "another signal" in turn: neither asks for an end. */
    return checks % 2 == 1 ? -1 : 0;
}

static int answer_sigrtclr(void)
{
    expect_inside("SIGRTCLR");
    return 0;
}

static int answer_dzfalarm(void)
{
    expect_inside("DZFALARM");
    return 0;
}

static int answer_zfresjob(void)
{
    expect_inside("ZFRESJOB");
    return 0;
}

static const struct host_callbacks callbacks = {
    answer_zfstrsize, answer_zferror, answer_irismgrdira, answer_irismgrdirw, answer_sigrtchk,
    answer_sigrtclr, answer_dzfalarm, answer_zfresjob, answer_irismgrdirh,
};

/* Stands for IRIS's table of Callin functions: there, and of no use to a library that keeps to strings. */
static const void *const callin_functions[256];

/*
 * Every thread that the library starts comes through here, also one that ends before anybody could count it: the
 * program's own definition is found before the C library's.
 */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    __sync_fetch_and_add(&threads_created, 1);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real == NULL ? EAGAIN : real(thread, attributes, start, argument);
}

/* A kernel that gives no random numbers, which Rust's standard library answers with a panic. Found like the one above. */
ssize_t getrandom(void *buffer, size_t length, unsigned flags)
{
    if (random_left == 0) {
        errno = EIO;
        return -1;
    }
    if (random_left > 0)
        random_left--;
    return syscall(SYS_getrandom, buffer, length, flags);
}

/* ---- Loading ---------------------------------------------------------------------------------------------------- */

static int call_exported(const char *name, char *text, size_t room)
{
    init_function function;
    int result;
    *(void **)&function = dlsym(library, name);
    if (function == NULL) {
        snprintf(text, room, "-");
        return 0;
    }
    inside = 1;
    result = function();
    inside = 0;
    snprintf(text, room, "%d", result);
    return result;
}

static void load(char *zfinit, size_t room)
{
    get_table_function get_table;
    if (library != NULL)
        fatal("load: the library is loaded already");
    library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        fatal("dlopen: %s", dlerror());
    *(void **)&get_table = dlsym(library, "GetZFTable");
    if (get_table == NULL)
        fatal("GetZFTable is not exported");
    inside = 1;
    table = (const void *)get_table(null_tables ? NULL : (void *)&callbacks, null_tables ? NULL : (void *)callin_functions);
    inside = 0;
    if (table == NULL)
        fatal("GetZFTable returned null");
    for (table_length = 0; table_length < MOST_FUNCTIONS; table_length++) {
        const struct host_entry *entry = &table[table_length];
        if (entry->name == NULL && entry->linkage == NULL && entry->function == NULL)
            break;
        if (entry->name == NULL || entry->linkage == NULL || entry->function == NULL)
            fatal("entry %d of the table is partly null", table_length + 1);
    }
    if (table_length == MOST_FUNCTIONS)
        fatal("the table has no end");
    unload_allowed = 1;
    snprintf(zfinit, room, "-");
    if (init)
        unload_allowed = call_exported("ZFInit", zfinit, room) == 0;
}

static void need_library(void)
{
    char zfinit[16];
    if (library == NULL)
        load(zfinit, sizeof zfinit);
}

static void command_load(void)
{
    char zfinit[16];
    load(zfinit, sizeof zfinit);
    emit("loaded %d %s", table_length, zfinit);
}

static void command_unload(void)
{
    char zfunload[16] = "-";
    void *again;
    if (library == NULL)
        fatal("unload: no library is loaded");
    if (unload_allowed)
        call_exported("ZFUnload", zfunload, sizeof zfunload);
    if (dlclose(library) != 0)
        fatal("dlclose: %s", dlerror());
    library = NULL;
    table = NULL;
    again = dlopen(library_path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (again != NULL)
        dlclose(again);
    emit("unloaded %s %s", zfunload, again == NULL ? "gone" : "resident");
}

static void command_zfinit(void)
{
    char zfinit[16];
    need_library();
    call_exported("ZFInit", zfinit, sizeof zfinit);
    emit("zfinit %s", zfinit);
}

static void command_zfunload(void)
{
    char zfunload[16];
    need_library();
    call_exported("ZFUnload", zfunload, sizeof zfunload);
    emit("zfunload %s", zfunload);
}

/* $ZF(-3) and $ZF(-5) know nothing of each other: each opens the file, takes the table and calls ZFInit and ZFUnload. */
static void command_load_twice(void)
{
    char zfinit[16];
    need_library();
    second = library;
    library = NULL;
    load(zfinit, sizeof zfinit);
    emit("loaded %d %s", table_length, zfinit);
}

static void command_unload_once(void)
{
    char zfunload[16];
    if (second == NULL)
        fatal("unload-once: the library is not loaded twice");
    call_exported("ZFUnload", zfunload, sizeof zfunload);
    if (dlclose(second) != 0)
        fatal("dlclose: %s", dlerror());
    second = NULL;
    emit("unloaded %s resident", zfunload);
}

/* ---- Argument buffers: a counted string between watched margins ------------------------------------------------- */

struct buffer {
    unsigned char *base;    /* what was allocated */
    size_t size;            /* how much of it may be touched */
    size_t mapped;          /* with the guard page; 0 if allocated without one */
    unsigned char *start;   /* where the counted string begins */
    size_t capacity;        /* its data bytes */
};

static unsigned char pattern(size_t at)
{
    return (unsigned char)(at * 167 + 13);
}

static struct buffer new_buffer(size_t capacity)
{
    struct buffer buffer;
    size_t needed = sizeof(unsigned short) + capacity;
    size_t at;
    buffer.capacity = capacity;
    if (guard) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        buffer.size = (needed + MARGIN_BEFORE + 1 + page - 1) / page * page;
        buffer.mapped = buffer.size + page;
        buffer.base = mmap(NULL, buffer.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (buffer.base == MAP_FAILED || mprotect(buffer.base + buffer.size, page, PROT_NONE) != 0)
            fatal("guard page: %s", strerror(errno));
        /* The length is an unsigned short and must be aligned: an odd capacity leaves one byte to the pattern. */
        buffer.start = buffer.base + buffer.size - needed - (needed & 1);
    } else {
        buffer.size = MARGIN_BEFORE + needed + MARGIN_BEHIND;
        buffer.mapped = 0;
        buffer.base = malloc(buffer.size);
        if (buffer.base == NULL)
            fatal("no memory for a buffer of %zu bytes", buffer.size);
        buffer.start = buffer.base + MARGIN_BEFORE;
    }
    for (at = 0; at < buffer.size; at++)
        buffer.base[at] = pattern(at);
    ((struct host_counted *)(void *)buffer.start)->length = 0;
    return buffer;
}

static void check_buffer(const struct buffer *buffer, const char *name, int is_input, const unsigned char *bytes)
{
    const struct host_counted *counted = (const void *)buffer->start;
    size_t begin = (size_t)(buffer->start - buffer->base);
    size_t end = begin + sizeof(unsigned short) + buffer->capacity;
    size_t at;
    for (at = 0; at < begin; at++)
        if (buffer->base[at] != pattern(at))
            fatal("%s wrote in front of an argument buffer", name);
    for (at = end; at < buffer->size; at++)
        if (buffer->base[at] != pattern(at))
            fatal("%s wrote behind an argument buffer of %zu bytes", name, buffer->capacity);
    if (is_input && (counted->length != buffer->capacity || memcmp(counted->data, bytes, buffer->capacity) != 0))
        fatal("%s changed its input", name);
    if (!is_input && counted->length > buffer->capacity)
        fatal("%s says %u bytes in a buffer of %zu", name, (unsigned)counted->length, buffer->capacity);
}

static void free_buffer(struct buffer *buffer)
{
    if (buffer->mapped != 0)
        munmap(buffer->base, buffer->mapped);
    else
        free(buffer->base);
}

/* ---- Calling ---------------------------------------------------------------------------------------------------- */

struct request {
    unsigned char bytes[MOST_BYTES];
    size_t length;
};

struct result {
    int status;
    size_t length;
    unsigned char bytes[MOST_BYTES];
    int64_t elapsed_ns;
    int64_t cpu_ns;
    unsigned long checks;
    int64_t largest_gap_ns;
};

static int invoke(int (*function)(), int count, void *const *argument)
{
    switch (count) {
    case 0: return function();
    case 1: return function(argument[0]);
    case 2: return function(argument[0], argument[1]);
    case 3: return function(argument[0], argument[1], argument[2]);
    default: return function(argument[0], argument[1], argument[2], argument[3]);
    }
}

/* Reads a linkage into one flag per argument: is it an output? Only counted byte strings are known here. */
static int read_linkage(const struct host_entry *entry, int *is_output)
{
    const char *at = entry->linkage;
    int count = 0;
    while (*at != '\0') {
        if (*at == '1')
            at++;
        if ((*at != 'b' && *at != 'B') || count == MOST_ARGUMENTS)
            fatal("%s: this host cannot marshal the linkage %s", entry->name, entry->linkage);
        is_output[count++] = *at++ == 'B';
    }
    return count;
}

static void call_function(long number, const struct request *request, struct result *result)
{
    const struct host_entry *entry;
    struct buffer buffers[MOST_ARGUMENTS];
    void *arguments[MOST_ARGUMENTS];
    int is_output[MOST_ARGUMENTS];
    int count, at, inputs = 0;
    int64_t cpu_began_ns;

    need_library();
    if (number < 1 || number > table_length)
        fatal("no function number %ld in a table of %d", number, table_length);
    entry = &table[number - 1];
    count = read_linkage(entry, is_output);
    for (at = 0; at < count; at++)
        inputs += !is_output[at];
    if (inputs > 1 || (inputs == 0 && request->length > 0))
        fatal("%s takes %d inputs", entry->name, inputs);
    for (at = 0; at < count; at++) {
        struct host_counted *counted;
        int room = string_size < 0 ? 0 : string_size > MOST_BYTES ? MOST_BYTES : string_size;
        buffers[at] = new_buffer(is_output[at] ? (size_t)room : request->length);
        counted = arguments[at] = buffers[at].start;
        if (!is_output[at]) {
            counted->length = (unsigned short)request->length;
            memcpy(counted->data, request->bytes, request->length);
            if (buffers[at].mapped != 0 && mprotect(buffers[at].base, buffers[at].size, PROT_READ) != 0)
                fatal("mprotect: %s", strerror(errno));
        }
    }

    checks = 0;
    largest_gap_ns = 0;
    inside = 1;
    cpu_began_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    call_began_ns = last_check_ns = clock_ns(CLOCK_MONOTONIC);
    result->status = invoke(entry->function, count, arguments);
    result->elapsed_ns = clock_ns(CLOCK_MONOTONIC) - call_began_ns;
    result->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_began_ns;
    inside = 0;
    note_gap(call_began_ns + result->elapsed_ns);
    result->checks = checks;
    result->largest_gap_ns = largest_gap_ns;
    terminate_after_ms = -1;

    result->length = 0;
    for (at = 0; at < count; at++) {
        const struct host_counted *counted = (const void *)buffers[at].start;
        check_buffer(&buffers[at], entry->name, !is_output[at], request->bytes);
        if (is_output[at] && result->status == SUCCESS) {
            if (result->length + counted->length > MOST_BYTES)
                fatal("%s: the joined outputs are too long", entry->name);
            memcpy(result->bytes + result->length, counted->data, counted->length);
            result->length += counted->length;
        }
        free_buffer(&buffers[at]);
    }
}

static void emit_result(const struct result *result)
{
    static const char digits[] = "0123456789abcdef";
    static char hex[2 * MOST_BYTES + 2];
    size_t at;
    for (at = 0; at < result->length; at++) {
        hex[2 * at] = digits[result->bytes[at] >> 4];
        hex[2 * at + 1] = digits[result->bytes[at] & 15];
    }
    hex[2 * at] = '\0';
    if (at == 0)
        strcpy(hex, "-");
    emit("result %d %zu %s %lld.%03lld %lld %lu %lld.%03lld", result->status, result->length, hex,
         (long long)(result->elapsed_ns / 1000000), (long long)(result->elapsed_ns / 1000 % 1000),
         (long long)(result->cpu_ns / 1000), result->checks,
         (long long)(result->largest_gap_ns / 1000000), (long long)(result->largest_gap_ns / 1000 % 1000));
}

static void command_call(long repetitions, long number, const struct request *request)
{
    static struct result result;
    while (repetitions-- > 0)
        call_function(number, request, &result);
    emit_result(&result);
}

static void command_fork(long number, const struct request *request)
{
    pid_t child;
    int status;
    need_library();
    child = fork();
    if (child < 0)
        fatal("fork: %s", strerror(errno));
    if (child == 0) {
        is_child = 1;
        prefix = "child ";
        command_call(1, number, request);
        _exit(CHILD_PRINTED);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            fatal("waitpid: %s", strerror(errno));
    if (WIFSIGNALED(status))
        emit("child died %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != CHILD_PRINTED)
        emit("child exited %d", WEXITSTATUS(status));
    prefix = "parent ";
    command_call(1, number, request);
    prefix = "";
}

/* ---- Looking at the process ------------------------------------------------------------------------------------- */

/* A value without blanks, commas or equal signs, so that the line splits into words and the words into parts. */
static void print_escaped(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte <= ' ' || byte >= 127 || strchr("%,=", byte) != NULL)
            fprintf(stream, "%%%02x", byte);
        else
            fputc(byte, stream);
    }
}

static int compare_numbers(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

/* The numbers that are names in a directory of /proc, sorted, without the descriptor that reads them. */
static int numbers_in(const char *path, int *numbers, int room)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    int count = 0;
    if (directory == NULL)
        fatal("%s: %s", path, strerror(errno));
    while ((entry = readdir(directory)) != NULL) {
        int number = atoi(entry->d_name);
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        if (strcmp(path, "/proc/self/fd") == 0 && number == dirfd(directory))
            continue;
        if (count == room)
            fatal("%s has more than %d entries", path, room);
        numbers[count++] = number;
    }
    closedir(directory);
    qsort(numbers, (size_t)count, sizeof *numbers, compare_numbers);
    return count;
}

/* The first word after `key:` in /proc/self/status. */
static void process_status(const char *key, char *value, size_t room)
{
    char line[512];
    size_t length = strlen(key);
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL)
        fatal("/proc/self/status: %s", strerror(errno));
    *value = '\0';
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            snprintf(value, room, "%s", strtok(line + length + 1, " \t\n"));
    fclose(file);
    if (*value == '\0')
        fatal("/proc/self/status has no %s", key);
}

static void print_descriptors(FILE *stream)
{
    static int numbers[65536];
    int count = numbers_in("/proc/self/fd", numbers, 65536);
    int at;
    for (at = 0; at < count; at++) {
        char path[64], target[4096];
        ssize_t length;
        snprintf(path, sizeof path, "/proc/self/fd/%d", numbers[at]);
        length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        fprintf(stream, "%s%d:", at == 0 ? "" : ",", numbers[at]);
        print_escaped(stream, target);
    }
}

/* By system call, because the C library keeps two signals to itself and would not tell. */
static void print_signals(FILE *stream)
{
    int number;
    for (number = 1; number <= 64; number++) {
        unsigned long action[16] = {0};     /* the kernel's struct begins with handler and flags */
        fprintf(stream, "%s%d:", number == 1 ? "" : ",", number);
        if (syscall(SYS_rt_sigaction, number, NULL, action, 8) != 0)
            fprintf(stream, "?");
        else if (action[0] == (unsigned long)SIG_DFL)
            fprintf(stream, "DFL/%lx", action[1]);
        else if (action[0] == (unsigned long)SIG_IGN)
            fprintf(stream, "IGN/%lx", action[1]);
        else
            fprintf(stream, "0x%lx/%lx", action[0], action[1]);
    }
}

static uint64_t environment_hash(void)
{
    uint64_t hash = 14695981039346656037u;  /* FNV-1a */
    char **entry;
    const char *at;
    for (entry = environ; entry != NULL && *entry != NULL; entry++)
        for (at = *entry;; at++) {
            hash = (hash ^ (unsigned char)*at) * 1099511628211u;
            if (*at == '\0')
                break;
        }
    return hash;
}

static void command_snapshot(void)
{
    static int tasks[65536];
    char *text = NULL, *directory = getcwd(NULL, 0);
    const char *locale = setlocale(LC_ALL, NULL);
    char mask[32], blocked[32];
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        fatal("no memory for a snapshot");
    process_status("Umask", mask, sizeof mask);
    process_status("SigBlk", blocked, sizeof blocked);
    fprintf(stream, "threads=%d fds=", numbers_in("/proc/self/task", tasks, 65536));
    print_descriptors(stream);
    fprintf(stream, " signals=");
    print_signals(stream);
    fprintf(stream, " blocked=%s cwd=", blocked);
    print_escaped(stream, directory == NULL ? "?" : directory);
    fprintf(stream, " umask=%s nice=%d environ=%016llx locale=", mask, getpriority(PRIO_PROCESS, 0),
            (unsigned long long)environment_hash());
    print_escaped(stream, locale == NULL ? "?" : locale);
    fclose(stream);
    emit("snapshot %s", text);
    free(text);
    free(directory);
}

static void command_rss(void)
{
    char value[32];
    process_status("VmRSS", value, sizeof value);
    emit("rss %s", value);
}

/* ---- The script ------------------------------------------------------------------------------------------------- */

static char *next_word(char **rest)
{
    return strtok_r(NULL, " \t", rest);
}

static long next_number(const char *command, char **rest)
{
    char *word = next_word(rest), *end;
    long number;
    if (word == NULL)
        fatal("%s: a number is missing", command);
    errno = 0;
    number = strtol(word, &end, 10);
    if (*end != '\0' || errno != 0)
        fatal("%s: %s is no number", command, word);
    return number;
}

static int next_switch(const char *command, char **rest)
{
    char *word = next_word(rest);
    if (word != NULL && strcmp(word, "on") == 0)
        return 1;
    if (word == NULL || strcmp(word, "off") != 0)
        fatal("%s: on or off", command);
    return 0;
}

static int nibble(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit == '\0' ? NULL : strchr(digits, tolower((unsigned char)digit));
    return at == NULL ? -1 : (int)(at - digits);
}

static const struct request *next_request(const char *command, char **rest)
{
    static struct request request;
    char *word = next_word(rest);
    request.length = 0;
    if (word == NULL || strcmp(word, "-") == 0)
        return &request;
    for (; *word != '\0'; word += 2) {
        int high = nibble(word[0]), low = high < 0 ? -1 : nibble(word[1]);
        if (low < 0)
            fatal("%s: the request is not hexadecimal", command);
        if (request.length == MOST_BYTES)
            fatal("%s: the request is longer than %d bytes", command, MOST_BYTES);
        request.bytes[request.length++] = (unsigned char)(high << 4 | low);
    }
    return &request;
}

static void obey(char *line)
{
    char *rest = NULL;
    const char *command = strtok_r(line, " \t\n", &rest);
    if (command == NULL || *command == '#')
        return;
    if (strcmp(command, "load") == 0) {
        command_load();
    } else if (strcmp(command, "unload") == 0) {
        command_unload();
    } else if (strcmp(command, "zfinit") == 0) {
        command_zfinit();
    } else if (strcmp(command, "zfunload") == 0) {
        command_zfunload();
    } else if (strcmp(command, "load-twice") == 0) {
        command_load_twice();
    } else if (strcmp(command, "unload-once") == 0) {
        command_unload_once();
    } else if (strcmp(command, "call") == 0) {
        long number = next_number(command, &rest);
        command_call(1, number, next_request(command, &rest));
    } else if (strcmp(command, "repeat") == 0) {
        long count = next_number(command, &rest);
        long number = next_number(command, &rest);
        if (count < 1)
            fatal("repeat: at least once");
        command_call(count, number, next_request(command, &rest));
    } else if (strcmp(command, "fork") == 0) {
        long number = next_number(command, &rest);
        command_fork(number, next_request(command, &rest));
    } else if (strcmp(command, "snapshot") == 0) {
        command_snapshot();
    } else if (strcmp(command, "rss") == 0) {
        command_rss();
    } else if (strcmp(command, "threads-created") == 0) {
        emit("threads-created %lu", threads_created);
    } else {
        if (strcmp(command, "terminate-after") == 0) {
            terminate_after_ms = next_number(command, &rest);
            if (terminate_after_ms < 0)
                fatal("terminate-after: %ld is negative", terminate_after_ms);
        } else if (strcmp(command, "null-tables") == 0) {
            null_tables = next_switch(command, &rest);
        } else if (strcmp(command, "init") == 0) {
            init = next_switch(command, &rest);
        } else if (strcmp(command, "random") == 0) {
            random_left = next_number(command, &rest);
        } else if (strcmp(command, "guard") == 0) {
            guard = next_switch(command, &rest);
        } else if (strcmp(command, "strsize") == 0) {
            string_size = (int)next_number(command, &rest);
        } else if (strcmp(command, "mgrdir") == 0) {
            free(manager_directory);
            manager_directory = strdup(rest);
        } else {
            fatal("unknown command %s", command);
        }
        emit("ok");
    }
}

int main(int argc, char **argv)
{
    sigset_t mask;
    if (fcntl(RESULTS, F_GETFD) < 0)
        return FATAL;   /* nowhere to say why */
    if (argc < 2)
        fatal("usage: host LIBRARY [COMMAND...]");
    library_path = argv[1];
    if (sigprocmask(SIG_SETMASK, NULL, &mask) != 0)
        fatal("sigprocmask: %s", strerror(errno));
    pipe_blocked = sigismember(&mask, SIGPIPE);
    manager_directory = strdup("/usr/irissys/mgr/");
    if (argc > 2) {
        int at;
        for (at = 2; at < argc; at++)
            obey(argv[at]);
    } else {
        char *line = NULL;
        size_t room = 0;
        ssize_t length;
        while ((length = getline(&line, &room, stdin)) > 0) {
            if (line[length - 1] == '\n')
                line[length - 1] = '\0';
            obey(line);
        }
        free(line);
    }
    free(manager_directory);
    return 0;   /* no ZFUnload: IRIS calls none when a process halts */
}
