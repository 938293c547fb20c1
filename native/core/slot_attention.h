// Attention of packed queries over keys that lie in slots (or any rows): grouped queries, softmax in float32, no
// autograd. On CUDA in bfloat16 it is ATen's FlashAttention-2, one query per sequence splitting the keys among
// thread blocks; elsewhere plain ATen operations, sequence by sequence, after copying the lengths to the host.
#pragma once
#include <ATen/ATen.h>

namespace mira {

// Where the keys of B sequences lie: sequence b has rows [start[b], start[b] + used[b]).
struct SlotKeys {
  at::Tensor start_B1;  // int32 [B+1], any order; the last entry is not read
  at::Tensor used_B;    // int32 [B]
  int64_t longest = 0;  // no smaller than any of used
};

// q [T,Q,D], offsets int32 [B+1] of the sequences' queries, k, v [N,K,D] -> [T,Q,D]. The last query of a sequence
// sees its last key; with `causal` each query before it sees one key less, and `window` > 0 limits the keys a
// query sees to so many, its own included. All tensors on one device.
at::Tensor slot_attention(const at::Tensor& q_TQD, const at::Tensor& offsets_B1, int64_t longest_q,
                          const at::Tensor& k_NKD, const at::Tensor& v_NKD, const SlotKeys&, bool causal,
                          int64_t window, double scale);

}  // namespace mira
