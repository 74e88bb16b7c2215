/*
 * Loads a callout library as IRIS does, prints its table, and calls it.
 *
 *     probe LIBRARY [REQUEST]...      each request is one for Check, which changes nothing
 *
 *     entry NAME LINKAGE              a line for each function
 *     report JSON                     a line for Version, then one for each request
 *
 * Anything else that it prints is a fault, and so is an end with another status than 0.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    const char *name;
    const char *linkage;
    int (*function)(void);
};

struct counted {
    unsigned short length;
    char data[65535];
};

static struct counted request, report;

static int call(const struct entry *entry, const char *text) {
    int (*ask)(struct counted *, struct counted *);
    int (*tell)(struct counted *);
    int status;

    /* What the function takes is what its linkage says. */
    memcpy(&ask, &entry->function, sizeof ask);
    memcpy(&tell, &entry->function, sizeof tell);
    memset(&report, 0, sizeof report);
    if (text) {
        request.length = (unsigned short)strlen(text);
        memcpy(request.data, text, request.length);
        status = ask(&request, &report);
    } else {
        status = tell(&report);
    }
    if (status == 0)
        printf("report %.*s\n", (int)report.length, report.data);
    else
        printf("%s ended with %d\n", entry->name, status);
    return status;
}

int main(int count, char **arguments) {
    const struct entry *table, *version = NULL, *check = NULL, *entry;
    const struct entry *(*get_table)(void *, void *);
    int (*begin)(void), (*end)(void), n, status = 0;
    void *library = count < 2 ? NULL : dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);

    if (!library) {
        printf("%s\n", count < 2 ? "no library" : dlerror());
        return EXIT_FAILURE;
    }
    *(void **)&get_table = dlsym(library, "GetZFTable");
    *(void **)&begin = dlsym(library, "ZFInit");
    *(void **)&end = dlsym(library, "ZFUnload");
    table = get_table ? get_table(NULL, NULL) : NULL;
    if (!table || !begin || !end || begin() != 0) {
        printf("no table, or no ZFInit or ZFUnload\n");
        return EXIT_FAILURE;
    }
    for (entry = table; entry->name; entry++) {
        printf("entry %s %s\n", entry->name, entry->linkage);
        if (!strcmp(entry->name, "Version"))
            version = entry;
        if (!strcmp(entry->name, "Check"))
            check = entry;
    }
    if (!version || !check)
        return EXIT_FAILURE;
    status |= call(version, NULL);
    for (n = 2; n < count; n++)
        status |= call(check, arguments[n]);
    status |= end();
    status |= dlclose(library);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
