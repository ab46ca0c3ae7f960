/* platewatch in C: lists of wanted number plates, and which of them a camera's reads match, on a device.
 *
 * What holds for every function:
 * - Errors. PW_OK is 0. Any other status says that nothing was changed, unless the function says otherwise, and
 *   pw_last_error() has a sentence for the log: it never quotes a read. No C++ exception leaves the library, and a
 *   NULL that may not be one is PW_ERROR_ARGUMENT. No function ends the process.
 * - libplatewatch_match.a, which needs no C++, has neither devices nor pw_matcher_add and pw_matcher_remove.
 * - Structs that a caller fills begin with their `size`; the PW_..._INIT macros set it, and the defaults. A struct of
 *   a newer header is taken if all that this library does not know in it is zero, else it is PW_ERROR_ARGUMENT; so is
 *   a smaller one than this header's. Reserved fields are 0.
 * - Texts are UTF-8, with their bytes counted, and need no 0 at the end; those named `const char *` alone end with 0.
 * - What is given stays the caller's, and has to live until the call returns. What is got is the library's, and says
 *   how long it lives.
 * - Times are microseconds since 1970-01-01T00:00Z, unless they are said to be seconds.
 * - Threads. Any thread may call any function; a pw_session is for one thread at a time, all else may be shared.
 *   Freeing NULL does nothing; what is freed must not be in use.
 *
 * Matching through a session takes no lock and asks for no memory, once the session has seen reads as large with as
 * many matches, until the list changes.
 */
#ifndef PLATEWATCH_H
#define PLATEWATCH_H

#include <stddef.h>
#include <stdint.h>

#if defined(PLATEWATCH_SHARED) && defined(_WIN32)
#define PW_API __declspec(dllexport)
#elif defined(PLATEWATCH_SHARED) && defined(__GNUC__)
#define PW_API __attribute__((visibility("default")))
#else
#define PW_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Rises when a program that was built with an older header could go wrong; pw_abi_version() is the library's. */
#define PW_ABI_VERSION 1
PW_API uint32_t pw_abi_version(void);
/* Such as "0.1.0"; lives for ever. */
PW_API const char *pw_version(void);

typedef int32_t pw_status;
enum {
    PW_OK = 0,
    PW_ERROR_ARGUMENT = 1,   /* NULL, a wrong size, a number out of range */
    PW_ERROR_MEMORY = 2,     /* the allocator gave none */
    PW_ERROR_FILE = 3,       /* the system refused a file: opening, mapping */
    PW_ERROR_FORMAT = 4,     /* neither a list nor a bundle, or of a newer version */
    PW_ERROR_DAMAGED = 5,    /* torn or changed */
    PW_ERROR_TEXT = 6,       /* a text is not UTF-8, empty, or over 16 symbols */
    PW_ERROR_ENTRY = 7,      /* an entry cannot be one */
    PW_ERROR_NO_MODEL = 8,   /* probabilities were asked of a list without a model */
    PW_ERROR_UNSIGNED = 20,  /* from here on: why a device refuses a bundle */
    PW_ERROR_SIGNATURE = 21, /* the signature is not that of the key, or the key is not known */
    PW_ERROR_REVOKED = 22,   /* signed by a key that is revoked */
    PW_ERROR_EXPIRED = 23,
    PW_ERROR_FOREIGN = 24,  /* for another group, or of another agency */
    PW_ERROR_ROLLBACK = 25, /* not newer than what its key has signed before */
    PW_ERROR_SEALED = 26,   /* encrypted, and no key to open it */
    PW_ERROR_DELTA = 27,    /* from another version than that in use */
    PW_ERROR_REVOKER = 28,  /* revokes keys, and its own may not */
    PW_ERROR_WRITE = 30,    /* a device could not write; see pw_device_accept */
    PW_ERROR_INTERNAL = 99  /* a mistake of this library: please tell us */
};

/* The sentence of this thread's last error; "" if it had none. Lives until this thread's next call. */
PW_API const char *pw_last_error(void);

/* Where the library gets its memory. `allocate` gives at least `bytes` bytes at a multiple of `alignment`, a power of
 * two, or NULL; `release` takes them back with the same numbers. Both are called from any thread. */
typedef struct pw_allocator {
    uint32_t size;
    uint32_t reserved;
    void *(*allocate)(void *context, size_t bytes, size_t alignment);
    void (*release)(void *context, void *memory, size_t bytes, size_t alignment);
    void *context;
} pw_allocator;

/* For the whole process, before any other call but this, pw_version and pw_abi_version; what it points to is copied.
 * Where the library is linked statically into a program with C++ of its own, that asks here for its memory, too. */
PW_API pw_status pw_set_allocator(const pw_allocator *allocator);

/* ---- Keys: whom a device trusts ------------------------------------------------------------------------------- */

/* Called by functions that are given them, on their thread; they return 1 for yes, 0 for no. */
typedef struct pw_keys {
    uint32_t size;
    uint32_t reserved;
    /* Whether `signature` is that of the key for the message, by "ed25519" (64 bytes) or "ecdsa-p256-sha256" (DER);
     * 0 for a key or an algorithm that is not known. */
    int32_t (*verify)(void *context, const char *algorithm, const char *key, const uint8_t *message,
                      size_t message_size, const uint8_t *signature, size_t signature_size);
    /* Opens AES-256-GCM without further data, whose tag is the last 16 bytes of `sealed`, into `out`, which has
     * room for the others; 0 if the key is not known or the tag is wrong. May be NULL. */
    int32_t (*decrypt)(void *context, const char *key, const uint8_t *nonce, size_t nonce_size,
                       const uint8_t *sealed, size_t sealed_size, uint8_t *out);
    void *context;
} pw_keys;
#define PW_KEYS_INIT {sizeof(pw_keys), 0, NULL, NULL, NULL}

/* ---- Lists ---------------------------------------------------------------------------------------------------- */

/* A list that does not change, with its model and its policy if it has them. */
typedef struct pw_list pw_list;

typedef struct pw_list_info {
    uint32_t size;
    uint32_t max_edits;  /* what the list was made for; the default of a match */
    uint64_t entries;
    uint32_t has_model;  /* 1: probabilities can be had */
    uint32_t has_policy; /* 1: matches have grades */
} pw_list_info;
#define PW_LIST_INFO_INIT {sizeof(pw_list_info), 0, 0, 0, 0}

/* Opens a snapshot or a bundle, mapped read-only: the file has to stay as it is, and may be replaced by a rename.
 * Reads what is needed only; pw_list_verify reads all. `keys` may be NULL: then no signature is looked at, and an
 * encrypted bundle is refused. *list is to be closed. FILE, FORMAT, DAMAGED, SEALED, DELTA, MEMORY; with keys:
 * UNSIGNED, SIGNATURE. */
PW_API pw_status pw_list_open(const char *path, const pw_keys *keys, pw_list **list);

/* The same of a file in memory, at a multiple of 64 bytes, which the caller keeps until the list, and all matchers
 * and sessions that have used it, are gone. */
PW_API pw_status pw_list_map(const void *bytes, size_t size, const pw_keys *keys, pw_list **list);

/* Reads the whole file: DAMAGED if any byte has changed. Without it, answers may be wrong, but nothing is read that is
 * not the list's. */
PW_API pw_status pw_list_verify(const pw_list *list);

PW_API pw_status pw_list_get_info(const pw_list *list, pw_list_info *info);
/* Matchers that have the list keep what they need of it. */
PW_API void pw_list_close(pw_list *list);

/* ---- Matchers: a list in use, which can be swapped and changed ------------------------------------------------ */

typedef struct pw_matcher pw_matcher;

typedef struct pw_entry {
    uint32_t size;
    uint32_t flags; /* PW_ENTRY_... */
    const char *id;
    const char *plate; /* or a pattern: ? one symbol, * any run, [12] one of a set */
    const char *category; /* NULL: none */
    int64_t valid_from, valid_until; /* valid from the one until before the other; PW_ALWAYS_FROM, PW_ALWAYS_UNTIL */
    double weight; /* how often the vehicle passes, relative to an ordinary one; 1 */
} pw_entry;
#define PW_ENTRY_EXACT 1u /* only reads without any edit match it */
#define PW_ALWAYS_FROM INT64_MIN
#define PW_ALWAYS_UNTIL INT64_MAX
#define PW_ENTRY_INIT {sizeof(pw_entry), 0, NULL, NULL, NULL, PW_ALWAYS_FROM, PW_ALWAYS_UNTIL, 1.0}

/* `list` may be NULL: then it has no entries yet. *matcher is to be freed. MEMORY. */
PW_API pw_status pw_matcher_new(const pw_list *list, pw_matcher **matcher);

/* Puts another list in use, with its model and its policy, in one step. Calls under way finish on the one that they
 * started with; what was added to or removed from the list before is gone. MEMORY. */
PW_API pw_status pw_matcher_swap(pw_matcher *matcher, const pw_list *list);

/* Adds entries to the list in use, or replaces those with their ids, all in one step. ENTRY names the entry by its
 * place; MEMORY. */
PW_API pw_status pw_matcher_add(pw_matcher *matcher, const pw_entry *entries, uint32_t count);
/* Takes an entry out; *removed, which may be NULL, is 1 if there was one with that id, else 0. MEMORY. */
PW_API pw_status pw_matcher_remove(pw_matcher *matcher, const char *id, uint32_t *removed);
PW_API pw_status pw_matcher_get_info(const pw_matcher *matcher, pw_list_info *info);
/* After all its sessions and devices. */
PW_API void pw_matcher_free(pw_matcher *matcher);

/* ---- Reads ---------------------------------------------------------------------------------------------------- */

/* Probabilities are from 0 to 1, or all of a read's are percent; PW_NONE where the recogniser gives none. */
#define PW_NONE (-1.0)

typedef struct pw_alternative {
    const char *text;
    uint32_t text_size;
    uint32_t reserved;
    double p;
} pw_alternative;

/* One character of the raw text that is not white space. */
typedef struct pw_character {
    const char *text;
    uint32_t text_size;
    uint32_t alternative_count;
    const pw_alternative *alternatives;
    double p;
} pw_character;

/* Another reading of the whole plate. */
typedef struct pw_candidate {
    const char *text;
    uint32_t text_size;
    uint32_t reserved;
    double p;
} pw_candidate;

#define PW_MOST_CHARACTERS 256u
#define PW_MOST_ALTERNATIVES 64u /* of a character, and as many candidates */

typedef struct pw_read {
    uint32_t size;
    uint32_t text_size;
    const char *text;
    const pw_character *characters; /* if they do not line up with the text, they are left out */
    const pw_candidate *candidates;
    uint32_t character_count, candidate_count;
    double confidence; /* in the whole */
    const char *engine, *camera; /* names that the model may know, or NULL */
    int64_t time; /* PW_NOW: that of the options, or the clock's */
} pw_read;
#define PW_NOW INT64_MIN
#define PW_READ_INIT {sizeof(pw_read), 0, NULL, NULL, NULL, 0, 0, PW_NONE, NULL, NULL, PW_NOW}

/* ---- Matching ------------------------------------------------------------------------------------------------- */

typedef struct pw_options {
    uint32_t size;
    uint32_t max_edits; /* 0 to 3, or PW_EDITS_OF_LIST */
    uint32_t flags;     /* PW_... below */
    uint32_t reserved;
    double min_probability; /* from 0 to 1: matches below are left out */
    int64_t time;           /* of reads that have none; PW_NOW: the clock's */
} pw_options;
#define PW_EDITS_OF_LIST UINT32_MAX
#define PW_ALTERNATIVES 1u /* edits are the least over what alternatives and candidates say the read may be */
#define PW_KEEP_EXACT 2u   /* matches without edits are told however improbable */
#define PW_NO_SCORES 4u    /* no probabilities: by edits and id alone, and quicker */
#define PW_HITS_ONLY 8u    /* only what the policy gives a grade */
#define PW_OPTIONS_INIT {sizeof(pw_options), PW_EDITS_OF_LIST, 0, 0, 0.0, PW_NOW}

enum { PW_NO_HIT = 0, PW_CHECK = 1, PW_NOTIFY = 2 };

typedef struct pw_match {
    uint32_t read; /* its place among the reads of the call; 0 of a pass */
    uint32_t edits;
    double log_likelihood, probability; /* NaN without scores; of passes, the former is minus infinity */
    const char *id, *plate, *category;  /* without a 0 at the end */
    uint32_t id_size, plate_size, category_size;
    uint32_t grade;      /* PW_NO_HIT, PW_CHECK or PW_NOTIFY; PW_NO_HIT without scores or a policy */
    uint32_t is_pattern; /* the probability says that the vehicle fits, not that it is wanted */
    uint32_t reserved;
} pw_match;

/* A read of a batch that could not be matched. */
typedef struct pw_refused {
    uint32_t read;
    pw_status why;
} pw_refused;

/* In the order of the reads, and for each probability descending, edits, id. Lives, with all that it points to, until
 * the next call with the session. */
typedef struct pw_matches {
    const pw_match *matches;
    const pw_refused *refused;
    uint32_t count, refused_count;
} pw_matches;

/* What matching needs to work in; one for each thread. */
typedef struct pw_session pw_session;
PW_API pw_status pw_session_new(pw_matcher *matcher, pw_session **session);
PW_API void pw_session_free(pw_session *session);

/* Every valid entry within max_edits of the read. `options` may be NULL. TEXT, NO_MODEL, MEMORY. */
PW_API pw_status pw_match_read(pw_session *session, const pw_read *read, const pw_options *options,
                               pw_matches *matches);
/* Of several reads of one vehicle that passes one camera, at most 64: one body of evidence; `edits` are the least over
 * them. Asks for memory at every call. As pw_match_read; NO_SCORES is not for passes. */
PW_API pw_status pw_match_pass(pw_session *session, const pw_read *reads, uint32_t count,
                               const pw_options *options, pw_matches *matches);
/* Of many reads, each by itself; those that cannot be matched are in `refused`, and no error. */
PW_API pw_status pw_match_batch(pw_session *session, const pw_read *reads, uint32_t count,
                                const pw_options *options, pw_matches *matches);

enum {
    PW_RIGHT = 0,
    PW_WRONG = 1,
    PW_DELETION = 2,
    PW_SPLIT = 3,
    PW_MERGE = 4,
    PW_INSERTION = 5,
    PW_REGION_LOSS = 6,
    PW_MARK = 7
};

/* One step of the likeliest way from the plate to the read: symbols of the plate, characters of the canonical read. */
typedef struct pw_event {
    uint32_t kind;
    uint32_t plate_first, plate_count;
    uint32_t read_first, read_count;
    uint32_t reserved;
    double log_probability;
} pw_event;

/* Logarithms are natural. `log_others` is what the plate is weighed against: the background without its own part. */
typedef struct pw_explanation {
    double log_likelihood, log_background, log_others, probability;
    double mark_omitted; /* how probable it is that the list omits the mark read; 0: the read is likelier without */
    const pw_event *events; /* to the read's own text; as long as matches live */
    uint32_t event_count, reserved;
} pw_explanation;

/* How probable it is that a vehicle read so has this plate, were it the only one listed, and why. Asks for memory at
 * every call. TEXT, NO_MODEL, MEMORY. */
PW_API pw_status pw_explain(pw_session *session, const pw_read *read, const char *plate,
                            pw_explanation *explanation);

/* ---- Devices: signed bundles, kept through losses of power ----------------------------------------------------- */

typedef struct pw_device pw_device;

typedef struct pw_device_options {
    uint32_t size;
    uint32_t reserved;
    const char *directory;      /* that is the device's own, and can be written */
    const char *agency, *group; /* bundles of others are refused; NULL: any */
    const char *revoker;        /* the key whose bundles may revoke others; NULL: none */
    const pw_keys *keys;        /* copied; what its context points to has to live as long as the device */
} pw_device_options;
#define PW_DEVICE_OPTIONS_INIT {sizeof(pw_device_options), 0, NULL, NULL, NULL, NULL, NULL}

#define PW_NO_CLOCK INT64_MIN /* the clock is dead: it is not before the newest issue ever accepted */

typedef struct pw_device_info {
    uint32_t size;
    uint32_t has_list;
    int64_t version, issued, expires; /* of the list in use; seconds */
    uint32_t stale; /* 1: the list has expired. It goes on being used: get another one */
    char digest[65]; /* in hexadecimal, of the full bundle of this version: what the next delta goes on from */
    char reserved[3];
} pw_device_info;
#define PW_DEVICE_INFO_INIT {sizeof(pw_device_info), 0, 0, 0, 0, 0, {0}, {0}}

/* Puts the list that the device kept in use in `matcher`, if there is one; it is verified again, but may have expired.
 * *device is to be closed, before the matcher. FILE, DAMAGED if what it kept is, as pw_list_open with keys. */
PW_API pw_status pw_device_open(const pw_device_options *options, pw_matcher *matcher, pw_device **device);

/* Takes a bundle, full, or a delta from the version in use: checks it, keeps it, puts it in use, and only then records
 * its version. Whatever is refused or fails, the old list stays in use; else what was added to or removed from it by
 * pw_matcher_add and pw_matcher_remove is gone. At most 64 deltas are kept behind a full bundle. `now`: seconds since 1970-01-01T00:00Z, or PW_NO_CLOCK. To offer the bundle in
 * use again is PW_OK. WRITE: the device could not write; offer the bundle again. One thread at a time. */
PW_API pw_status pw_device_accept(pw_device *device, const void *bytes, size_t size, int64_t now);
PW_API pw_status pw_device_accept_file(pw_device *device, const char *path, int64_t now);

PW_API pw_status pw_device_get_info(const pw_device *device, int64_t now, pw_device_info *info);
PW_API void pw_device_close(pw_device *device);

/* ---- Keys over OpenSSL 3: the library platewatch_openssl, where it was built ------------------------------------ */

/* Says pw_keys' yes and no by OpenSSL's default library context, so by whatever providers that is set up with. Its
 * memory is OpenSSL's; errors are without a sentence. It may be shared once its keys are in it. */
typedef struct pw_keyring pw_keyring;
#define PW_SECRET_SIZE 32u /* bytes of a key of AES-256 */

/* *keyring is to be freed, after the devices that use it. MEMORY. */
pw_status pw_keyring_new(pw_keyring **keyring);
/* A public key in PEM, SubjectPublicKeyInfo, Ed25519 or on P-256, under the name that manifests have for it; names of
 * 1 to 64 bytes, once each. FORMAT: it is no such key; MEMORY. */
pw_status pw_keyring_add_public(pw_keyring *keyring, const char *name, const char *pem, uint32_t pem_size);
/* A key of AES-256, PW_SECRET_SIZE bytes, which is copied. MEMORY. */
pw_status pw_keyring_add_secret(pw_keyring *keyring, const char *name, const uint8_t *secret);
/* Fills in keys, whose size is set, for as long as the keyring lives. */
pw_status pw_keyring_get_keys(pw_keyring *keyring, pw_keys *keys);
/* Its secrets are wiped. */
void pw_keyring_free(pw_keyring *keyring);

#ifdef __cplusplus
}
#endif

#endif
