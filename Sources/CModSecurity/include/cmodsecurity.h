// libmodsecurity, loaded when it is asked for: with its twelve libraries it is no part of every start.
#ifndef CMODSECURITY_H
#define CMODSECURITY_H
#include <stddef.h>
#include <stdint.h>

typedef struct cmodsecurity cmodsecurity;

typedef struct {
    const char *address, *target, *method, *version;
    // Names and values in turn.
    const char *const *headers;
    size_t header_count;
    const uint8_t *body;
    size_t body_length;
} cmodsecurity_request;

/// Rules of a configuration file; null when the library or the rules can not be loaded: `error` says why.
cmodsecurity *cmodsecurity_open(const char *configuration, char *error, size_t error_size);
/// 1 when the rules refuse the request, 0 when not, -1 when it could not be judged. For one thread at a time.
int cmodsecurity_judge(cmodsecurity *engine, const cmodsecurity_request *request);
void cmodsecurity_close(cmodsecurity *engine);
#endif
