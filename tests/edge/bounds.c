/* What a list and its matching take: bounds LIST READS MOST_KB MOST_STACK_KB.
 *
 * Prints the heap that is held, the part of the list's file that is resident, the requests for memory per read once
 * warm, and the deepest stack of a call; fails if heap and file are over the one bound or the stack is over the other,
 * or if a warm read asks for memory. Without a model in the list, reads are matched without scores. */
#define _GNU_SOURCE
#include <platewatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_READS = 4096, STACK = 1 << 20, PAINT = 0xA5 };

static size_t held, peak, warm;
static unsigned long requests;

static void* allocate(void* context, size_t bytes, size_t alignment) {
    (void)context;
    ++requests;
    held += bytes;
    if (held > peak) peak = held;
    return aligned_alloc(alignment, bytes);
}

static void release(void* context, void* memory, size_t bytes, size_t alignment) {
    (void)context, (void)alignment;
    held -= bytes;
    free(memory);
}

/* Bytes of the file that are in memory for this process. */
static size_t resident(const char* path) {
    FILE* const file = fopen("/proc/self/smaps", "r");
    const char* const slash = strrchr(path, '/');
    const char* const name = slash == NULL ? path : slash + 1;
    char line[4096];
    size_t kilobytes, sum = 0;
    int inside = 0;
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Rss: %zu", &kilobytes) == 1) {
            if (inside) sum += kilobytes;
        } else if (strchr(line, '-') != NULL && strstr(line, " r") != NULL) {
            inside = strstr(line, name) != NULL;
        }
    }
    fclose(file);
    return sum * 1024;
}

static pw_matcher* matcher;
static pw_options options = PW_OPTIONS_INIT;
static pw_read reads[MOST_READS];
static uint32_t read_count;
static unsigned long hits;
static int failed;

/* Each read alone; then all of them, and some as one pass. */
static void* match_all(void* passes_too) {
    pw_session* session = NULL;
    pw_matches found;
    unsigned long before;
    uint32_t i;
    int round;
    if (pw_session_new(matcher, &session) != PW_OK) failed = 1;
    for (round = 0; round < 2; ++round) {
        before = requests;
        for (i = 0; i < read_count; ++i) {
            if (pw_match_read(session, &reads[i], &options, &found) != PW_OK) failed = 1;
            hits += found.count;
        }
        if (pw_match_batch(session, reads, read_count, &options, &found) != PW_OK) failed = 1;
    }
    if (requests != before) {
        fprintf(stderr, "a warm session has asked for memory %lu times\n", requests - before);
        failed = 1;
    }
    warm = held;
    if (passes_too != NULL && pw_match_pass(session, reads, 16, &options, &found) != PW_OK) failed = 1;
    pw_session_free(session);
    return NULL;
}

int main(int argc, char** argv) {
    static char lines[MOST_READS][64];
    const pw_allocator allocator = {sizeof(pw_allocator), 0, allocate, release, NULL};
    pw_list_info info = PW_LIST_INFO_INIT;
    pw_list* list = NULL;
    pthread_attr_t attributes;
    pthread_t thread;
    unsigned char* stack;
    size_t untouched = 0, opened, opening, in_file, most, most_stack;
    FILE* file;
    if (argc != 5 || pw_set_allocator(&allocator) != PW_OK) return 2;
    file = fopen(argv[2], "r");
    if (file == NULL) return 2;
    while (read_count < MOST_READS && fgets(lines[read_count], sizeof lines[0], file) != NULL) {
        pw_read read = PW_READ_INIT;
        lines[read_count][strcspn(lines[read_count], "\n")] = '\0';
        read.text = lines[read_count];
        read.text_size = (uint32_t)strlen(read.text);
        reads[read_count++] = read;
    }
    fclose(file);
    most = strtoul(argv[3], NULL, 10) * 1024;
    most_stack = strtoul(argv[4], NULL, 10) * 1024;

    if (pw_list_open(argv[1], NULL, &list) != PW_OK || pw_list_get_info(list, &info) != PW_OK ||
        pw_matcher_new(list, &matcher) != PW_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], pw_last_error());
        return 1;
    }
    pw_list_close(list);
    if (!info.has_model) options.flags = PW_NO_SCORES;
    opened = held;
    opening = peak;
    peak = held;
    if (resident(argv[1]) > 256 * 1024) failed = fprintf(stderr, "what opening read is still in memory\n") > 0;

    stack = aligned_alloc(4096, STACK);
    if (stack == NULL) return 1;
    memset(stack, PAINT, STACK);
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstack(&attributes, stack, STACK) != 0 ||
        pthread_create(&thread, &attributes, match_all, info.has_model ? &info : NULL) != 0 ||
        pthread_join(thread, NULL) != 0)
        return 1;
    while (untouched < STACK && stack[untouched] == PAINT) ++untouched;
    in_file = resident(argv[1]);
    printf(
        "%lu entries, %u edits, %s: heap %zu KB, with a session %zu KB, at most %zu KB while opening, %zu KB in a "
        "pass; file %zu KB; stack %zu KB; %lu hits\n",
        (unsigned long)info.entries, (unsigned)info.max_edits, info.has_model ? "scored" : "not scored",
        opened / 1024, warm / 1024, opening / 1024, peak / 1024, in_file / 1024, (STACK - untouched) / 1024,
        hits / 2);
    if (warm + in_file > most) failed = fprintf(stderr, "this is more memory than %zu KB\n", most / 1024) > 0;
    if (STACK - untouched > most_stack)
        failed = fprintf(stderr, "this is a deeper stack than %zu KB\n", most_stack / 1024) > 0;
    if (hits == 0) failed = fprintf(stderr, "nothing is found\n") > 0;
    pw_matcher_free(matcher);
    /* Some are the process's, whatever is freed. */
    if (held > 1024) failed = fprintf(stderr, "%zu bytes are not given back\n", held) > 0;
    free(stack);
    return failed;
}
