// RE2 and libinjection behind a C interface; no C++ exception leaves it.
#ifndef DIGITALBANK_CRE2_H
#define DIGITALBANK_CRE2_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_set cre2_set;
typedef struct cre2_regex cre2_regex;

/// A set of patterns that is matched in one pass over bytes (Latin-1), with `memory_max` bytes for its automaton.
cre2_set *cre2_set_new(int64_t memory_max, int ignores_case);
/// The pattern's number, or -1 when it is no pattern: `error` then says why.
int cre2_set_add(cre2_set *set, const char *pattern, size_t length, char *error, size_t error_size);
/// 0 when the set can not be compiled within its memory.
int cre2_set_compile(cre2_set *set);
/// The number of matching patterns, of which up to `capacity` are written; -1 when memory did not suffice.
int cre2_set_match(const cre2_set *set, const uint8_t *text, size_t length, int32_t *found, int capacity);
void cre2_set_free(cre2_set *set);

cre2_regex *cre2_regex_new(
    const char *pattern, size_t length, int64_t memory_max, int ignores_case, char *error, size_t error_size);
/// 1 with the match's place, or 0.
int cre2_regex_match(const cre2_regex *regex, const uint8_t *text, size_t length, size_t *start, size_t *end);
void cre2_regex_free(cre2_regex *regex);

/// 1 when libinjection takes the text for SQL injection; its fingerprint is at most 8 characters.
int cre2_is_sql_injection(const uint8_t *text, size_t length, char fingerprint[16]);
/// 1 when libinjection takes the text for cross-site scripting.
int cre2_is_script_injection(const uint8_t *text, size_t length);

/// The C library's own, which Swift's Glibc module hides.
const uint8_t *cre2_memmem(const uint8_t *text, size_t length, const uint8_t *needle, size_t needle_length);
const uint8_t *cre2_memrchr(const uint8_t *text, int byte, size_t length);

/// When an open file was made, in nanoseconds since 1970; 0 where the file system does not say.
int64_t cre2_birth(int descriptor);

#ifdef __cplusplus
}
#endif
#endif
