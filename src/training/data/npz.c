/* .npz: ZIP, as NumPy's savez and savez_compressed write it. PKWARE's APPNOTE 6.3, sections 4.3 to 4.5. The central
 * directory decides; what a local header says besides its own length is not believed. */
#include "base/bytes.h"
#include "base/checked.h"
#include "training/data/archive.h"
#include <inttypes.h>
#include <stdio.h>
#include <zlib.h>

enum {
  END_BYTES = 22,
  LOCATOR_BYTES = 20,
  ENTRY_BYTES = 46,
  LOCAL_BYTES = 30,
  COMMENT_MAX = 65535,
  ZIP64 = 1,
  DEFLATE_MOST = 1100, /* deflate cannot do better than 1032 to 1 */
  BOMB_BYTES = 1 << 30,
  BOMB_TIMES = 200
};

static const uint32_t end_mark = 0x06054b50, end64_mark = 0x06064b50, locator_mark = 0x07064b50,
                      entry_mark = 0x02014b50, local_mark = 0x04034b50;

struct directory {
  const uint8_t *at;
  uint64_t length, entries;
};

struct entry {
  uint16_t flags, method;
  uint32_t crc;
  uint64_t packed, length, offset;
  const char *name;
  size_t name_length;
};

static enum training_status damaged(struct why *why, const char *what) {
  why_set(why, "not a sound .npz file: %s", what);
  return TRAINING_ERR_INPUT;
}

void name_list_add(struct name_list *l, const char *name, size_t length) {
  l->count++;
  if (l->used + 60 > sizeof l->text) {
    if (l->used + 4 < sizeof l->text && strcmp(l->text + l->used - 2, "..") != 0)
      l->used += (size_t)snprintf(l->text + l->used, 5, ", ..");
    return;
  }
  char clean[41];
  size_t n = length < 40 ? length : 40;
  for (size_t i = 0; i < n; i++) clean[i] = name[i] < 0x20 || name[i] > 0x7e ? '_' : name[i];
  clean[n] = 0;
  l->used += (size_t)snprintf(l->text + l->used, sizeof l->text - l->used, "%s%s", l->used ? ", " : "", clean);
}

/* The end record is the last one whose comment ends with the file. */
static const uint8_t *end_record(const uint8_t *bytes, size_t length) {
  if (length < END_BYTES) return NULL;
  size_t lowest = length - END_BYTES > COMMENT_MAX ? length - END_BYTES - COMMENT_MAX : 0;
  for (size_t at = length - END_BYTES + 1; at-- > lowest;) {
    struct reader r = reader_over(bytes + at, END_BYTES);
    if (take_u32(&r) != end_mark) continue;
    (void)take_bytes(&r, 16);
    if (take_u16(&r) == length - at - END_BYTES) return bytes + at;
  }
  return NULL;
}

/* Where the directory lies, from the 32-bit record or, where that is too small, from the 64-bit one. */
static enum training_status find_directory(const uint8_t *bytes, size_t length, struct directory *out,
                                           struct why *why) {
  const uint8_t *end = end_record(bytes, length);
  if (!end) return damaged(why, "it has no ZIP directory (np.savez writes one)");
  struct reader r = reader_over(end + 4, END_BYTES - 4);
  (void)take_u32(&r); /* disks */
  (void)take_u16(&r);
  uint64_t entries = take_u16(&r), bytes_of = take_u32(&r), offset = take_u32(&r);
  size_t before = (size_t)(end - bytes);
  if (before >= LOCATOR_BYTES) {
    struct reader l = reader_over(end - LOCATOR_BYTES, LOCATOR_BYTES);
    if (take_u32(&l) == locator_mark) {
      (void)take_u32(&l);
      uint64_t at = take_u64(&l);
      if (at > before || before - at < 56) return damaged(why, "its 64-bit directory lies outside of it");
      struct reader e = reader_over(bytes + at, 56);
      if (take_u32(&e) != end64_mark) return damaged(why, "its 64-bit directory is none");
      (void)take_bytes(&e, 28);
      entries = take_u64(&e);
      bytes_of = take_u64(&e);
      offset = take_u64(&e);
    }
  }
  if (offset > before || bytes_of > before - offset) return damaged(why, "its directory lies outside of it");
  *out = (struct directory){bytes + offset, bytes_of, entries};
  return TRAINING_OK;
}

/* Sizes that did not fit into 32 bits, in the order of APPNOTE 4.5.3. */
static bool take_extra(struct reader extra, struct entry *e) {
  while (bytes_left(&extra) >= 4) {
    uint16_t id = take_u16(&extra), length = take_u16(&extra);
    const uint8_t *at = take_bytes(&extra, length);
    if (!at) return false;
    if (id != ZIP64) continue;
    struct reader r = reader_over(at, length);
    if (e->length == UINT32_MAX) e->length = take_u64(&r);
    if (e->packed == UINT32_MAX) e->packed = take_u64(&r);
    if (e->offset == UINT32_MAX) e->offset = take_u64(&r);
    return !r.short_of;
  }
  return true;
}

static bool take_entry(struct reader *r, struct entry *e) {
  *e = (struct entry){0};
  if (bytes_left(r) < ENTRY_BYTES || take_u32(r) != entry_mark) return false;
  (void)take_u32(r); /* versions */
  e->flags = take_u16(r);
  e->method = take_u16(r);
  (void)take_u32(r); /* time */
  e->crc = take_u32(r);
  e->packed = take_u32(r);
  e->length = take_u32(r);
  e->name_length = take_u16(r);
  size_t extra = take_u16(r), comment = take_u16(r);
  (void)take_u64(r); /* disk, attributes */
  e->offset = take_u32(r);
  e->name = (const char *)take_bytes(r, e->name_length);
  const uint8_t *more = take_bytes(r, extra);
  (void)take_bytes(r, comment);
  return !r->short_of && take_extra(reader_over(more, extra), e);
}

static bool is_called(const struct entry *e, const char *name) {
  size_t n = strlen(name);
  if (e->name_length < n || memcmp(e->name, name, n) != 0) return false;
  return e->name_length == n || (e->name_length == n + 4 && memcmp(e->name + n, ".npy", 4) == 0);
}

static enum training_status take_member(const uint8_t *bytes, size_t length, const struct entry *e,
                                        struct npz_member *out, struct why *why) {
  if (e->flags & 1) return damaged(why, "the array is encrypted");
  if (e->method != 0 && e->method != 8) {
    why_set(why, "the array is packed by ZIP method %u; np.savez and np.savez_compressed use ones that are read here",
            e->method);
    return TRAINING_ERR_INPUT;
  }
  if (e->offset > length || length - e->offset < LOCAL_BYTES) return damaged(why, "an array lies outside of it");
  struct reader r = reader_over(bytes + e->offset, length - e->offset);
  bool good = take_u32(&r) == local_mark;
  (void)take_bytes(&r, 22);
  size_t name = take_u16(&r), extra = take_u16(&r);
  (void)take_bytes(&r, name);
  (void)take_bytes(&r, extra);
  const uint8_t *at = good && !r.short_of && e->packed <= bytes_left(&r) ? r.at : NULL;
  if (!at) return damaged(why, "an array lies outside of it");
  if (e->method == 0 && e->packed != e->length) return damaged(why, "a stored array has two lengths");
  if (e->method == 8 && e->length / DEFLATE_MOST > e->packed)
    return damaged(why, "an array announces more bytes than its packed ones can hold");
  if (e->method == 8 && e->length > BOMB_BYTES && e->length / BOMB_TIMES > e->packed) {
    why_set(why,
            "%" PRIu64 " bytes packed into %" PRIu64 " are not unpacked here, since above 1 GiB more than 200 to 1 is "
            "how a file that means harm looks: store the array (np.savez, or a .npy file)",
            e->length, e->packed);
    return TRAINING_ERR_INPUT;
  }
  *out = (struct npz_member){at, e->packed, e->length, e->crc, e->method == 8};
  return TRAINING_OK;
}

enum training_status npz_find(const uint8_t *bytes, size_t length, const char *name, struct npz_member *out,
                              struct why *why) {
  struct directory d;
  struct name_list names = {{0}, 0, 0};
  struct entry e, found = {0};
  enum training_status status = find_directory(bytes, length, &d, why);
  if (status != TRAINING_OK) return status;
  struct reader r = reader_over(d.at, d.length);
  for (uint64_t n = 0; n < d.entries; n++) {
    if (!take_entry(&r, &e)) return damaged(why, "its directory is cut short");
    size_t shown =
        e.name_length > 4 && memcmp(e.name + e.name_length - 4, ".npy", 4) == 0 ? e.name_length - 4 : e.name_length;
    name_list_add(&names, e.name, shown);
    if (!is_called(&e, name)) continue;
    if (found.name) {
      why_set(why, "two arrays are called '%.60s'", name);
      return TRAINING_ERR_INPUT;
    }
    found = e;
  }
  if (found.name) return take_member(bytes, length, &found, out, why);
  why_set(why, "no array is called '%.60s'; there %s %s", name, names.count == 1 ? "is" : "are",
          names.count ? names.text : "none");
  return TRAINING_ERR_INPUT;
}

static uint32_t crc_of(const uint8_t *bytes, uint64_t length) {
  return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, length);
}

enum training_status npz_sound(const struct npz_member *m, struct why *why) {
  return crc_of(m->at, m->length) == m->crc ? TRAINING_OK : damaged(why, "the checksum of the array is wrong");
}

/* zlib counts in 32 bits, so both sides are fed in pieces. */
static int inflate_member(z_stream *z, const struct npz_member *m, uint8_t *out, uint64_t *done) {
  int rc = Z_OK;
  z->next_in = (Bytef *)(uintptr_t)m->at;
  *done = 0;
  while (rc == Z_OK && *done < m->length) {
    uint64_t in = m->packed - (uint64_t)(z->next_in - m->at), room = m->length - *done;
    z->avail_in = in < (1u << 30) ? (uInt)in : 1u << 30;
    z->avail_out = room < (1u << 30) ? (uInt)room : 1u << 30;
    z->next_out = out + *done;
    rc = inflate(z, Z_NO_FLUSH);
    *done = (uint64_t)(z->next_out - out);
    if (rc == Z_OK && z->avail_in && z->avail_out) rc = Z_DATA_ERROR;
  }
  return rc;
}

enum training_status npz_unpack(const struct npz_member *m, uint8_t *out, struct why *why) {
  if (!m->deflated) {
    enum training_status status = npz_sound(m, why);
    if (status == TRAINING_OK && m->length) memcpy(out, m->at, m->length);
    return status;
  }
  z_stream z = {0};
  if (inflateInit2(&z, -15) != Z_OK) {
    why_set(why, "not enough memory to unpack");
    return TRAINING_ERR_SYSTEM;
  }
  uint64_t done;
  int rc = inflate_member(&z, m, out, &done);
  inflateEnd(&z);
  if ((rc != Z_OK && rc != Z_STREAM_END) || done != m->length)
    return damaged(why, "an array does not unpack to what its directory announces");
  return crc_of(out, m->length) == m->crc ? TRAINING_OK : damaged(why, "the checksum of the array is wrong");
}
