/* Eight threads on one matcher: threads LIST OTHER < READS, by the library that matches without exceptions.
 *
 * Each has a session of its own and matches all reads again and again, while another thread swaps the matcher's list
 * for OTHER and back: every answer is the one list's or the other's, and what fails leaves the others alone. */
#include <platewatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, ROUNDS = 20, MOST_READS = 64 };

static pw_list* lists[2];
static pw_matcher* matcher;
static char texts[MOST_READS][128];
static unsigned reads;
static uint64_t expected[2][MOST_READS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned done;

static void fail(const char* what) {
    fprintf(stderr, "threads: %s (%s)\n", what, pw_last_error());
    exit(1);
}

static uint64_t mixed(uint64_t sum, const void* bytes, size_t size) {
    const unsigned char* byte = bytes;
    while (size-- > 0) sum = (sum ^ *byte++) * 0x100000001B3u;
    return sum;
}

/* A number that tells the answer to a read from others. */
static uint64_t answer_to(pw_session* session, unsigned number) {
    pw_read read = PW_READ_INIT;
    pw_matches found;
    uint64_t sum = 0xCBF29CE484222325u;
    uint32_t i;
    read.text = texts[number];
    read.text_size = (uint32_t)strlen(texts[number]);
    if (pw_match_read(session, &read, NULL, &found) != PW_OK) fail("a read");
    for (i = 0; i < found.count; ++i) {
        const pw_match* const match = &found.matches[i];
        sum = mixed(sum, match->id, match->id_size);
        sum = mixed(sum, match->plate, match->plate_size);
        sum = mixed(sum, &match->edits, sizeof match->edits);
        sum = mixed(sum, &match->probability, sizeof match->probability);
    }
    return sum;
}

static void* match_all(void* unused) {
    static const char hostile[] = "\xff\xfe";
    pw_session* session = NULL;
    unsigned round, number;
    (void)unused;
    if (pw_session_new(matcher, &session) != PW_OK) fail("a session");
    for (round = 0; round < ROUNDS; ++round) {
        pw_read bad = PW_READ_INIT;
        pw_matches found;
        bad.text = hostile;
        bad.text_size = 2;
        if (pw_match_read(session, &bad, NULL, &found) == PW_OK) fail("no text is refused");
        for (number = 0; number < reads; ++number) {
            const uint64_t answer = answer_to(session, number);
            if (answer != expected[0][number] && answer != expected[1][number]) fail("another answer");
        }
    }
    pw_session_free(session);
    pthread_mutex_lock(&mutex);
    ++done;
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static int all_done(void) {
    unsigned now;
    pthread_mutex_lock(&mutex);
    now = done;
    pthread_mutex_unlock(&mutex);
    return now == THREADS;
}

int main(int argc, char** argv) {
    pthread_t threads[THREADS];
    pw_session* session = NULL;
    unsigned i, differ = 0;
    if (argc != 3) return fprintf(stderr, "threads LIST OTHER < READS\n"), 2;
    while (reads < MOST_READS && fgets(texts[reads], sizeof texts[reads], stdin) != NULL) {
        texts[reads][strcspn(texts[reads], "\r\n")] = '\0';
        ++reads;
    }
    for (i = 0; i < 2; ++i) {
        if (pw_list_open(argv[1 + i], NULL, &lists[i]) != PW_OK) fail(argv[1 + i]);
    }
    if (pw_matcher_new(lists[0], &matcher) != PW_OK || pw_session_new(matcher, &session) != PW_OK) fail("starting");
    for (i = 0; i < 2 * reads; ++i) {
        if (i % reads == 0 && pw_matcher_swap(matcher, lists[i / reads]) != PW_OK) fail("a swap");
        expected[i / reads][i % reads] = answer_to(session, i % reads);
    }
    for (i = 0; i < reads; ++i) differ += expected[0][i] != expected[1][i];
    if (differ == 0) fail("both lists have the same answers");

    for (i = 0; i < THREADS; ++i) {
        if (pthread_create(&threads[i], NULL, match_all, NULL) != 0) fail("a thread");
    }
    for (i = 0; !all_done(); ++i) {
        if (pw_matcher_swap(matcher, lists[i % 2]) != PW_OK) fail("a swap");
    }
    for (i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
    pw_session_free(session);
    pw_matcher_free(matcher);
    for (i = 0; i < 2; ++i) pw_list_close(lists[i]);
    printf("%u threads, %u reads, %u of them with other answers of the other list\n", (unsigned)THREADS, reads, differ);
    return 0;
}
