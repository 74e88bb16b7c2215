/* For docs/verify-in-iris.md: a callout library whose only function fails, so that what IRIS makes of ZF_FAILURE can be seen.
   gcc -shared -fPIC -o target/mirrorvip-release/failure.so docs/verify-in-iris/failure.c */

struct entry {
    const char *name;
    const char *linkage;
    int (*function)(void *);
};

static int fails(void *report) {
    (void)report;
    return 1;
}

static struct entry table[] = {{"Fails", "1B", fails}, {0, 0, 0}};

struct entry *GetZFTable(void *callbacks, void *functions) {
    (void)callbacks;
    (void)functions;
    return table;
}
