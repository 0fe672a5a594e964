#include "cmodsecurity.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <modsecurity/intervention.h>
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>

// The few functions of the library, by their own declarations.
#define FUNCTIONS(each) \
    each(msc_init) each(msc_cleanup) each(msc_set_log_cb) each(msc_create_rules_set) each(msc_rules_add_file) \
    each(msc_rules_cleanup) each(msc_new_transaction) each(msc_process_connection) each(msc_process_uri) \
    each(msc_add_request_header) each(msc_process_request_headers) each(msc_append_request_body) \
    each(msc_process_request_body) each(msc_intervention) each(msc_transaction_cleanup)

struct cmodsecurity {
    void *library;
    ModSecurity *engine;
    RulesSet *rules;
#define MEMBER(name) __typeof__(name) *name;
    FUNCTIONS(MEMBER)
};

static void silent(void *data, const void *message) {
    (void)data;
    (void)message;
}

cmodsecurity *cmodsecurity_open(const char *configuration, char *error, size_t error_size) {
    cmodsecurity *self = calloc(1, sizeof *self);
    if (self == NULL) return NULL;
    self->library = dlopen("libmodsecurity.so.3", RTLD_NOW | RTLD_LOCAL);
    if (self->library == NULL) {
        snprintf(error, error_size, "%s", dlerror());
        cmodsecurity_close(self);
        return NULL;
    }
#define FIND(name) \
    self->name = (__typeof__(name) *)dlsym(self->library, #name); \
    if (self->name == NULL) { \
        snprintf(error, error_size, "libmodsecurity has no " #name); \
        cmodsecurity_close(self); \
        return NULL; \
    }
    FUNCTIONS(FIND)
    self->engine = self->msc_init();
    self->rules = self->msc_create_rules_set();
    const char *reason = NULL;
    if (self->engine == NULL || self->rules == NULL
        || self->msc_rules_add_file(self->rules, configuration, &reason) < 0) {
        snprintf(error, error_size, "%s", reason != NULL ? reason : "the rules can not be loaded");
        cmodsecurity_close(self);
        return NULL;
    }
    self->msc_set_log_cb(self->engine, silent);
    return self;
}

// 1 when the rules have refused by now.
static int refused(cmodsecurity *self, Transaction *transaction) {
    ModSecurityIntervention found = {.status = 200, .pause = 0, .url = NULL, .log = NULL, .disruptive = 0};
    int is_one = self->msc_intervention(transaction, &found);
    int is_refused = is_one && found.disruptive;
    free(found.url);
    free(found.log);
    return is_refused;
}

int cmodsecurity_judge(cmodsecurity *self, const cmodsecurity_request *request) {
    Transaction *transaction = self->msc_new_transaction(self->engine, self->rules, NULL);
    if (transaction == NULL) return -1;
    int answer = 0;
    self->msc_process_connection(transaction, request->address, 40000, "127.0.0.1", 443);
    self->msc_process_uri(transaction, request->target, request->method, request->version);
    for (size_t index = 0; index + 1 < request->header_count; index += 2)
        self->msc_add_request_header(
            transaction, (const unsigned char *)request->headers[index],
            (const unsigned char *)request->headers[index + 1]);
    self->msc_process_request_headers(transaction);
    answer = refused(self, transaction);
    if (!answer) {
        if (request->body_length > 0)
            self->msc_append_request_body(transaction, request->body, request->body_length);
        self->msc_process_request_body(transaction);
        answer = refused(self, transaction);
    }
    self->msc_transaction_cleanup(transaction);
    return answer;
}

void cmodsecurity_close(cmodsecurity *self) {
    if (self == NULL) return;
    if (self->rules != NULL) self->msc_rules_cleanup(self->rules);
    if (self->engine != NULL) self->msc_cleanup(self->engine);
    // The library stays: its threads and handlers do not survive dlclose.
    free(self);
}
