#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cre2.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <re2/re2.h>
#include <re2/set.h>

extern "C" {
// libinjection, as libmodsecurity's archive holds it; Debian has no package of its own.
int libinjection_sqli(const char *text, size_t length, char fingerprint[]);
int libinjection_xss(const char *text, size_t length);
}

struct cre2_set {
    RE2::Set set;
    explicit cre2_set(const RE2::Options &options) : set(options, RE2::UNANCHORED) {}
};

struct cre2_regex {
    RE2 regex;
    cre2_regex(const re2::StringPiece &pattern, const RE2::Options &options) : regex(pattern, options) {}
};

namespace {
RE2::Options options_of(int64_t memory_max, int ignores_case) {
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);
    options.set_case_sensitive(ignores_case == 0);
    options.set_dot_nl(true);
    options.set_never_capture(true);
    options.set_log_errors(false);
    options.set_max_mem(memory_max);
    return options;
}

void say(char *error, size_t size, const std::string &words) {
    if (size == 0) return;
    size_t count = words.size() < size - 1 ? words.size() : size - 1;
    memcpy(error, words.data(), count);
    error[count] = 0;
}
}  // namespace

extern "C" {

cre2_set *cre2_set_new(int64_t memory_max, int ignores_case) {
    try {
        return new cre2_set(options_of(memory_max, ignores_case));
    } catch (...) {
        return nullptr;
    }
}

int cre2_set_add(cre2_set *set, const char *pattern, size_t length, char *error, size_t error_size) {
    try {
        std::string words;
        int number = set->set.Add(re2::StringPiece(pattern, length), &words);
        if (number < 0) say(error, error_size, words);
        return number;
    } catch (...) {
        return -1;
    }
}

int cre2_set_compile(cre2_set *set) {
    try {
        return set->set.Compile() ? 1 : 0;
    } catch (...) {
        return 0;
    }
}

int cre2_set_match(const cre2_set *set, const uint8_t *text, size_t length, int32_t *found, int capacity) {
    try {
        static thread_local std::vector<int> numbers;
        const re2::StringPiece piece(reinterpret_cast<const char *>(text), length);
        RE2::Set::ErrorInfo error;
        // Most texts match nothing, and asking only that needs no memory for the numbers.
        if (!set->set.Match(piece, nullptr, &error)) return error.kind == RE2::Set::kNoError ? 0 : -1;
        numbers.clear();
        if (!set->set.Match(piece, &numbers, &error)) return error.kind == RE2::Set::kNoError ? 0 : -1;
        int count = static_cast<int>(numbers.size());
        for (int index = 0; index < count && index < capacity; index++) found[index] = numbers[index];
        return count;
    } catch (...) {
        return -1;
    }
}

void cre2_set_free(cre2_set *set) { delete set; }

cre2_regex *cre2_regex_new(
    const char *pattern, size_t length, int64_t memory_max, int ignores_case, char *error, size_t error_size) {
    try {
        auto made = std::make_unique<cre2_regex>(
            re2::StringPiece(pattern, length), options_of(memory_max, ignores_case));
        if (!made->regex.ok()) {
            say(error, error_size, made->regex.error());
            return nullptr;
        }
        return made.release();
    } catch (...) {
        return nullptr;
    }
}

int cre2_regex_match(const cre2_regex *regex, const uint8_t *text, size_t length, size_t *start, size_t *end) {
    try {
        re2::StringPiece piece(reinterpret_cast<const char *>(text), length);
        re2::StringPiece match;
        if (!regex->regex.Match(piece, 0, length, RE2::UNANCHORED, &match, 1)) return 0;
        *start = static_cast<size_t>(match.data() - piece.data());
        *end = *start + match.size();
        return 1;
    } catch (...) {
        return 0;
    }
}

void cre2_regex_free(cre2_regex *regex) { delete regex; }

int cre2_is_sql_injection(const uint8_t *text, size_t length, char fingerprint[16]) {
    fingerprint[0] = 0;
    return libinjection_sqli(reinterpret_cast<const char *>(text), length, fingerprint) != 0;
}

int cre2_is_script_injection(const uint8_t *text, size_t length) {
    return libinjection_xss(reinterpret_cast<const char *>(text), length) != 0;
}

const uint8_t *cre2_memmem(const uint8_t *text, size_t length, const uint8_t *needle, size_t needle_length) {
    return static_cast<const uint8_t *>(memmem(text, length, needle, needle_length));
}

const uint8_t *cre2_memrchr(const uint8_t *text, int byte, size_t length) {
    return static_cast<const uint8_t *>(memrchr(text, byte, length));
}

int64_t cre2_birth(int descriptor) {
    struct statx info;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_BTIME, &info) != 0 || !(info.stx_mask & STATX_BTIME)) return 0;
    return static_cast<int64_t>(info.stx_btime.tv_sec) * 1000000000 + info.stx_btime.tv_nsec;
}
}
