/* A device in C: match LIST < READS. A list in, a read a line, hits out.
 *
 * LIST is a bundle or a snapshot. What a real device does besides, and what each function promises:
 * docs/edge.md. */
#include <platewatch.h>
#include <stdio.h>
#include <string.h>

static int fail(const char* what) {
    fprintf(stderr, "match: %s: %s\n", what, pw_last_error());
    return 1;
}

static void print_hit(const char* read, const pw_match* match) {
    static const char* const grades[] = {"-", "check", "notify"};
    printf("%s\t%.1f %%\t%u\t%.*s\t%.*s\t%.*s\t%s\n", grades[match->grade], 100 * match->probability,
           (unsigned)match->edits, (int)match->id_size, match->id, (int)match->plate_size, match->plate,
           (int)match->category_size, match->category_size > 0 ? match->category : "", read);
}

int main(int argc, char** argv) {
    pw_list* list = NULL;
    pw_matcher* matcher = NULL;
    pw_session* session = NULL; /* one for each thread that matches */
    pw_list_info info = PW_LIST_INFO_INIT;
    pw_options options = PW_OPTIONS_INIT;
    char line[1024];
    int failed = 0;

    if (argc != 2) {
        fprintf(stderr, "match LIST < READS\n");
        return 2;
    }
    if (pw_abi_version() != PW_ABI_VERSION) {
        fprintf(stderr, "match: built for another platewatch than %s\n", pw_version());
        return 1;
    }
    if (pw_list_open(argv[1], NULL, &list) != PW_OK) return fail(argv[1]);
    if (pw_list_get_info(list, &info) != PW_OK || pw_matcher_new(list, &matcher) != PW_OK ||
        pw_session_new(matcher, &session) != PW_OK)
        return fail("starting");
    pw_list_close(list); /* the matcher has what it needs of it */

    if (!info.has_model) {
        options.flags = PW_NO_SCORES;
    } else if (info.has_policy) {
        options.flags = PW_HITS_ONLY;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        pw_read read = PW_READ_INIT;
        pw_matches found;
        uint32_t i;
        line[strcspn(line, "\r\n")] = '\0';
        read.text = line;
        read.text_size = (uint32_t)strlen(line);
        if (pw_match_read(session, &read, &options, &found) != PW_OK) {
            failed = fail("a read"); /* its text is never quoted, but by us above */
            continue;
        }
        for (i = 0; i < found.count; ++i) print_hit(line, &found.matches[i]);
    }
    pw_session_free(session);
    pw_matcher_free(matcher);
    return failed;
}
