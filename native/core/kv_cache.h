// Keys and values of one sequence, all layers: a ring for sliding-window layers, a growing store for global
// ones. Stored are post-norm, post-rope keys, so entries need no position and a ring needs no order.
// Promise: keys are handed to attention in ascending position, and the lane of a key in its block is its
// position mod 16 whatever the capacity, so that the order of summation depends on the position alone.
// Leaves attention itself to the kernels.
#pragma once
#include <ATen/ATen.h>
#include <memory>
#include <vector>
#include "native/core/config.h"
#include "native/core/decode.h"
#include "native/kernels/decode_attention.h"

namespace mira {

// A local layer's ring holds the window and one prefill chunk: a chunk's keys are all written before its first
// query attends, and that query still needs the window - 1 keys before it. The surplus also lets a sequence
// be cut back by up to a chunk without recomputing it.
struct KvLayout {
  KvLayout(const GemmaConfig&, at::ScalarType dtype, int64_t max_length, int64_t chunk);
  int64_t layers, kv_heads, head_dim, window, max_length;
  at::ScalarType dtype;  // float32 or bfloat16
  std::vector<uint8_t> is_global;
  std::vector<int64_t> capacity;  // [layers], multiples of kKeyBlock; position p lies at index p mod capacity
};

class KvCache final : public SequenceCache {
 public:
  explicit KvCache(std::shared_ptr<const KvLayout>);

  int64_t length() const override { return length_; }
  // Makes room for positions [0, positions) without changing what is stored. Throws std::invalid_argument
  // past max_length.
  void reserve(int64_t positions);
  // Stores one token's k, v [K,D] (float32; rounded to the cache's dtype) in a layer.
  void store(int64_t layer, int64_t position, const float* k_KD, const float* v_KD);
  // Declares `count` more positions stored in every layer.
  void advance(int64_t count);

  // `length` when every layer still holds what a query at that position needs, else 0: rings cannot go back
  // further, and every cut below would need older keys still.
  int64_t reusable(int64_t length) const override;
  void truncate(int64_t length) override;
  void copy_prefix(const SequenceCache& from, int64_t length) override;
  void clear() override;

  // The stored keys that the token at `position` sees, and where they lie.
  kernels::DecodeQuery query(int64_t layer, int64_t position) const;

  const KvLayout& layout() const { return *layout_; }
  int64_t bytes() const override;

 private:
  struct Layer { at::Tensor k, v; };  // [blocks, K, D, 16], [blocks, K, 16, padded D]
  std::shared_ptr<const KvLayout> layout_;
  std::vector<Layer> layers_;
  int64_t length_ = 0;
  int64_t high_ = 0;  // one past the highest position ever written since the cache was empty
};

}  // namespace mira
