// Which keys each query of a pass sees, as exact_attention wants to be told: one query at a time, oldest key first.
#pragma once
#include <ATen/ATen.h>
#include "native/core/slot_pass.h"
#include "native/kernels/exact_attention.h"

namespace mira {

// Queries of B sequences, keys of sequence b in rows [start[b], start[b] + used[b]), its last query seeing its last
// key and each one before it one key less; window > 0: at most so many. As slot_attention with `causal`.
kernels::KeyRows key_rows(const at::Tensor& offsets_B1, int64_t T, const SlotKeys&, int64_t window);
// One query per sequence over rings of `capacity` rows, at positions pos: the ring's order is that of positions.
kernels::KeyRows ring_rows(const at::Tensor& pos_T, const SlotKeys&, int64_t capacity);

}  // namespace mira
