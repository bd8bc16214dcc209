/* gzip files into memory, bounded by what their own head announces. RFC 1952, by zlib. */
#define _DEFAULT_SOURCE
#include "base/pages.h"
#include "training/file/file.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <sys/mman.h>
#include <zlib.h>

enum { HEAD_BYTES = 64, GZIP_WINDOW = 15 + 16 /* gzip framing only */ };

static enum training_status inflate_failed(const char *path, const z_stream *z, int rc, struct why *why) {
  if (rc == Z_MEM_ERROR) {
    why_set(why, "%s: not enough memory to unpack", path);
    return TRAINING_ERR_SYSTEM;
  }
  if (rc == Z_BUF_ERROR || rc == Z_OK)
    why_set(why, "%s: the gzip data is cut short", path);
  else
    why_set(why, "%s: damaged gzip data (%s)", path, z->msg ? z->msg : "no valid stream");
  return TRAINING_ERR_INPUT;
}

/* zlib counts in 32 bits, so both sides are fed in pieces. Stops when `length` bytes are out, the stream ends or fails.
 */
static int inflate_some(z_stream *z, const struct file_bytes *in, uint8_t *out, uint64_t length, uint64_t *done) {
  int rc = Z_OK;
  *done = 0;
  while (rc == Z_OK && *done < length) {
    if (z->avail_in == 0) {
      uint64_t left = in->length - (uint64_t)(z->next_in - in->bytes);
      z->avail_in = left < (1u << 30) ? (uInt)left : 1u << 30;
    }
    uInt room = length - *done < (1u << 30) ? (uInt)(length - *done) : 1u << 30;
    z->next_out = out + *done;
    z->avail_out = room;
    rc = inflate(z, Z_NO_FLUSH);
    *done += room - z->avail_out;
  }
  return rc;
}

static enum training_status inflate_whole(const char *path, const struct file_bytes *in, uint64_t length, uint8_t *out,
                                          struct why *why) {
  z_stream z = {.next_in = (Bytef *)(uintptr_t)in->bytes};
  if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) return inflate_failed(path, &z, Z_MEM_ERROR, why);
  uint64_t done, extra = 0;
  uint8_t more;
  int rc = inflate_some(&z, in, out, length, &done);
  if (rc == Z_OK) rc = inflate_some(&z, in, &more, 1, &extra); /* reads the checksum; nothing may come out */
  enum training_status status = TRAINING_OK;
  if (extra || (rc == Z_STREAM_END && done < length)) {
    why_set(why, "%s: unpacks to %s than the %" PRIu64 " bytes that its head announces", path, extra ? "more" : "less",
            length);
    status = TRAINING_ERR_INPUT;
  } else if (rc != Z_STREAM_END) {
    status = inflate_failed(path, &z, rc, why);
  } else if (z.next_in != in->bytes + in->length) {
    why_set(why, "%s: bytes behind the end of the gzip data", path);
    status = TRAINING_ERR_INPUT;
  }
  inflateEnd(&z);
  return status;
}

static enum training_status inflate_head(const char *path, const struct file_bytes *in, uint8_t head[HEAD_BYTES],
                                         size_t *length, struct why *why) {
  z_stream z = {.next_in = (Bytef *)(uintptr_t)in->bytes, .next_out = head, .avail_out = HEAD_BYTES};
  z.avail_in = in->length < (1u << 20) ? (uInt)in->length : 1u << 20;
  if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) return inflate_failed(path, &z, Z_MEM_ERROR, why);
  int rc = inflate(&z, Z_SYNC_FLUSH);
  *length = HEAD_BYTES - z.avail_out;
  enum training_status status = TRAINING_OK;
  if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) status = inflate_failed(path, &z, rc, why);
  inflateEnd(&z);
  return status;
}

enum training_status file_map_gzip(const char *path, uint64_t limit_bytes, file_expect *expect, struct file_bytes *out,
                                   struct why *why) {
  struct file_bytes in;
  enum training_status status = file_map(path, limit_bytes, &in, why);
  if (status != TRAINING_OK) return status;
  if (in.length < 2 || in.bytes[0] != 0x1f || in.bytes[1] != 0x8b) {
    *out = in;
    return TRAINING_OK;
  }
  uint8_t head[HEAD_BYTES];
  size_t head_length = 0;
  status = inflate_head(path, &in, head, &head_length, why);
  uint64_t length = status == TRAINING_OK ? expect(head, head_length) : 0;
  void *memory = MAP_FAILED;
  if (status != TRAINING_OK) {
  } else if (length == 0) {
    why_set(why, "%s: unpacks to something that is not the expected format", path);
    status = TRAINING_ERR_INPUT;
  } else if (length > limit_bytes || length / 1100 > in.length) { /* deflate cannot do better than 1032 to 1 */
    why_set(why, "%s: announces %" PRIu64 " bytes, more than its %zu packed bytes can hold or than is read here", path,
            length, in.length);
    status = TRAINING_ERR_INPUT;
  } else if (length > machine_memory_available()) {
    why_set(why,
            "%s: unpacks to %" PRIu64
            " bytes, more than this machine has left; unpack it with gunzip and name that file",
            path, length);
    status = TRAINING_ERR_SYSTEM;
  } else if ((memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED) {
    why_set(why, "%s: no memory for the %" PRIu64 " bytes it unpacks to", path, length);
    status = TRAINING_ERR_SYSTEM;
  } else {
    pages_large(memory, length);
    status = inflate_whole(path, &in, length, memory, why);
  }
  file_unmap(&in);
  if (status == TRAINING_OK)
    *out = (struct file_bytes){.bytes = memory, .length = length, .mapping = memory, .mapping_bytes = length};
  else if (memory != MAP_FAILED)
    munmap(memory, length);
  return status;
}
