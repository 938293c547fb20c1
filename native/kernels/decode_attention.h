// Attention of many query tokens over the KV caches of their sequences, float32 arithmetic, threaded over
// (token, kv head). Each result is that of RowKernels::attend for its own token alone.
#pragma once
#include <cstdint>
#include <span>
#include "native/kernels/row_kernels.h"

namespace mira::kernels {

struct DecodeQuery {
  KeyRuns keys;
  int64_t key_count;
  const void *k, *v;           // kv head 0 of block 0 of the sequence's cache
  int64_t k_head, v_head;      // bytes from one kv head to the next
  int64_t k_stride, v_stride;  // elements from one block to the next
};

// q_TQD, out_TQD contiguous float32, T = queries.size().
void decode_attention(std::span<const DecodeQuery> queries, const float* q_TQD, float* out_TQD, int64_t heads,
                      int64_t kv_heads, int64_t head_dim, float scale, bool bf16);

}  // namespace mira::kernels
