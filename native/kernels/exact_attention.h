// Grouped-query attention of one query at a time over its own keys, softmax in float32: a query's result is a
// function of itself and of the keys it sees in the order it sees them, bit for bit, whatever other queries run
// beside it and wherever the keys lie. So one kernel serves decoding over rings and slots, prefill in chunks of
// any size, and whole training sequences. CPU and CUDA agree to rounding; each agrees with itself bitwise.
// No autograd.
#pragma once
#include <ATen/ATen.h>

namespace mira::kernels {

// The keys each query sees, int32 [T]: key j of `count` lies in row start + (first + j) mod capacity, so a ring is
// read from its oldest key on. capacity 0: no ring.
struct KeyRows {
  at::Tensor start_T, first_T, count_T;
  int64_t capacity = 0;
};

// q [T,Q,D], k, v [N,K,D], all contiguous, float32 or bfloat16, of one dtype and device -> [T,Q,D]. Every query
// sees at least one key. Throws std::invalid_argument for anything else that can be seen without reading the device.
at::Tensor exact_attention(const at::Tensor& q_TQD, const at::Tensor& k_NKD, const at::Tensor& v_NKD, const KeyRows&,
                           double scale);

}  // namespace mira::kernels
