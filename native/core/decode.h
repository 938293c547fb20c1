// One pass of the model over the next tokens of several sequences, against their KV caches.
// Two implementations of one contract: packed (weights repacked for row_kernels.h; a sequence's results do not
// depend on its companions or on how its tokens were cut into passes, bit for bit) and aten (linear_* and the
// forward kernels of training on the weights as they are; no copy of the weights, results agree to rounding).
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include "native/core/kv_cache.h"
#include "native/core/role.h"

namespace mira {

// `count` tokens of one sequence, at positions cache->length() and up. At most one span per cache and pass,
// and no longer than the chunk the cache's layout was made for.
struct DecodeSpan {
  KvCache* cache;
  const int32_t* ids;
  int64_t count;
  bool wants_logits;  // of the last token
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Stores the tokens' keys and values, advances the caches, and writes float32 logits [n, V] of the spans
  // that want them, in order. Throws std::invalid_argument when a cache has no room left.
  virtual void forward(std::span<const DecodeSpan>, float* logits_nV) = 0;
  // The role's weights have changed: forget what was derived from them.
  virtual void refresh() = 0;
};

std::unique_ptr<Decoder> make_packed_decoder(std::shared_ptr<const Role>, int64_t max_length);
std::unique_ptr<Decoder> make_aten_decoder(std::shared_ptr<const Role>, int64_t max_length);

// Bytes of the copy that the packed decoder keeps.
int64_t packed_bytes(const Role&);

}  // namespace mira
