/* time: moments as blocks carry them: seconds since 1970 and nanoseconds, years 1 to 9999, UTC. ENGINE 1.2.
 *
 * It only carries what it is given: nothing here asks a clock. Uses: proto. */
#ifndef ENGINE_COMET_TIME_H
#define ENGINE_COMET_TIME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;
struct writer;

struct comet_time {
  int64_t seconds;
  int32_t nanos; /* 0 .. 999999999, also before 1970 */
};

enum { COMET_TIME_TEXT_MAX = 30, COMET_TIME_BYTES_MAX = 17 };

/* The moment that stands where there is none: the first of January of the year 1. */
static const struct comet_time COMET_TIME_NONE = {-62135596800, 0};

bool comet_time_valid(const struct comet_time *t);
struct comet_time comet_time_of_ms(uint64_t unix_ms);

/* comet_time_write gives RFC 3339 with as many digits of the fraction as needed, "2026-11-21T15:01:05.30511268Z", and a
 * final 0; comet_time_read takes exactly that form. */
void comet_time_write(const struct comet_time *t, char text[COMET_TIME_TEXT_MAX + 1]);
bool comet_time_read(const char *text, size_t length, struct comet_time *out);

/* As a message: seconds = 1, nanos = 2. comet_time_fields reads the message's fields, comet_time_take the message in
 * `field`, which has to be there. */
size_t comet_time_encode(const struct comet_time *t, uint8_t bytes[COMET_TIME_BYTES_MAX]);
void comet_time_put(struct writer *w, uint8_t field, const struct comet_time *t);
struct comet_time comet_time_fields(struct reader *r);
struct comet_time comet_time_take(struct reader *r, uint8_t field);

#endif
