/* A callout library for the tests of irishost: it keeps the rules where its first two functions are called, and breaks
 * one rule with each of the later ones. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

struct counted {
    unsigned short length;
    unsigned char data[];
};

struct callbacks {
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

struct entry {
    const char *name;
    const char *linkage;
    int (*function)();
};

static const struct callbacks *iris;
static int inits;

static int answer(struct counted *output, const char *text)
{
    output->length = (unsigned short)strlen(text);
    memcpy(output->data, text, output->length);
    return 0;
}

static int version(struct counted *output)
{
    char text[128];
    snprintf(text, sizeof text, "{\"name\":\"stub\",\"inits\":%d,\"room\":%d}", inits, iris == NULL ? -1 : iris->zfstrsize());
    return answer(output, text);
}

static int echo(const struct counted *input, struct counted *output)
{
    output->length = input->length;
    memcpy(output->data, input->data, input->length);
    return 0;
}

static int fail(struct counted *output)
{
    answer(output, "lost");
    return 1;
}

/* Writes as many bytes past the output's room as the request has. */
static int overrun(const struct counted *input, struct counted *output)
{
    memset(output->data + iris->zfstrsize(), 'x', input->length);
    output->length = 0;
    return 0;
}

static int change(struct counted *input, struct counted *output)
{
    input->data[0] ^= 1;
    output->length = 0;
    return 0;
}

/* Looks for a termination request every millisecond, at most as many times as the request has bytes. */
static int wait_for_end(const struct counted *input, struct counted *output)
{
    const struct timespec pause = {0, 1000000};
    unsigned short left;
    iris->sigrtclr();
    for (left = input->length; left > 0; left--) {
        if (iris->sigrtchk() == 1)
            return answer(output, "terminated");
        nanosleep(&pause, NULL);
    }
    return answer(output, "done");
}

/* The three forms of the manager's directory, each with what was returned. */
static int directory(const struct counted *input, struct counted *output)
{
    char a[64], text[512];
    unsigned short w[64];
    wchar_t h[64];
    int room = input->length > 64 ? 64 : input->length;
    int la = iris->irismgrdira(room, a), lw = iris->irismgrdirw(room, w), lh = iris->irismgrdirh(room, h);
    snprintf(text, sizeof text, "%d %s %d %c %d %lc", la, a, lw, (char)w[lw - 1], lh, (wint_t)h[lh - 1]);
    return answer(output, text);
}

/* Claims one byte more than there is room for, without writing it. */
static int lie(struct counted *output)
{
    output->length = (unsigned short)(iris->zfstrsize() + 1);
    return 0;
}

static void *run(void *pause)
{
    if (pause == NULL)
        iris->sigrtchk();
    else
        nanosleep(pause, NULL);
    return NULL;
}

/* A thread that sleeps for as many milliseconds as the request has bytes; without any, one that calls IRIS. */
static int start_thread(const struct counted *input, struct counted *output)
{
    struct timespec pause = {0, input->length * 1000000L};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, input->length == 0 ? NULL : &pause) != 0)
        return 1;
    pthread_join(thread, NULL);
    return answer(output, "joined");
}

static int disturb(struct counted *output)
{
    signal(SIGUSR1, SIG_IGN);
    setenv("IRISHOST_STUB", "x", 1);
    puts("to standard output");
    fflush(stdout);
    fputs("to standard error\n", stderr);
    output->length = 0;
    return 0;
}

static int crash(struct counted *output)
{
    (void)output;
    abort();
}

static int process(struct counted *output)
{
    char text[32];
    snprintf(text, sizeof text, "%d", (int)getpid());
    return answer(output, text);
}

static const struct entry table[] = {
    {"Version", "1B", version},
    {"Echo", "1b1B", echo},
    {"Fail", "B", fail},
    {"Overrun", "bB", overrun},
    {"Change", "1b1B", change},
    {"Wait", "1b1B", wait_for_end},
    {"Directory", "1b1B", directory},
    {"Thread", "1b1B", start_thread},
    {"Disturb", "1B", disturb},
    {"Crash", "1B", crash},
    {"Process", "1B", process},
    {"Lie", "1B", lie},
    {"Strange", "1j1J", process},
    {NULL, NULL, NULL},
};

const struct entry *GetZFTable(const struct callbacks *callbacks, const void *functions)
{
    (void)functions;
    iris = callbacks;
    return table;
}

int ZFInit(void)
{
    inits++;
    return getenv("IRISHOST_STUB_REFUSE") == NULL ? 0 : 7;
}

/* Leaves a trace outside of the library's own memory. */
int ZFUnload(void)
{
    const char *trace = getenv("IRISHOST_STUB_TRACE");
    FILE *file = trace == NULL ? NULL : fopen(trace, "a");
    if (file != NULL) {
        fputs("unloaded\n", file);
        fclose(file);
    }
    inits = 0;
    return 0;
}
