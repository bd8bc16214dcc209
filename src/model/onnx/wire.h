/* wire: protobuf bytes from a stranger, walked and bounded before protobuf-c builds anything from them.
 *
 * protobuf-c bounds neither memory nor merging: two bytes of a file can ask for a message of hundreds. So the bytes are
 * walked first with the message's own descriptor: lengths, wire types, varints, text (UTF-8 without NUL), fields that
 * may come only once, how many fields there are, and how much memory unpacking can take at most. Protocol Buffers
 * encoding specification; groups, which ONNX never uses, are refused. Uses: protobuf-c, base. */
#ifndef MODEL_ONNX_WIRE_H
#define MODEL_ONNX_WIRE_H
#include <protobuf-c/protobuf-c.h>

#include "model/onnx/onnx.h"

enum { WIRE_FIELDS_MAX = 1 << 22, WIRE_DEPTH_MAX = 8 };

/* wire_unpack decodes exactly length bytes as a message of `type` into the arena (never free it; reset the arena).
 * Every block of 1 KiB or more, such as a tensor's raw data, starts at a multiple of 64 bytes. `type` and the messages
 * in it have at most 64 fields and do not nest deeper than WIRE_DEPTH_MAX. ONNX_ERR_BYTES: cut or malformed; why says
 * the byte and the field, as in "graph.node[3].attribute[0].name". ONNX_ERR_LIMIT: more than ONNX_FILE_BYTES_MAX bytes
 * or WIRE_FIELDS_MAX fields. ONNX_ERR_MEMORY: the arena is too small, said before it is touched. */
enum onnx_status wire_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t length,
                             struct arena *arena, ProtobufCMessage **out, struct why *why);

#endif
