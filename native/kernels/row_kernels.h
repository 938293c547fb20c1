// The arithmetic of generation over raw float rows: GEMM on packed weights, RMSNorm, rotary embedding, GeGLU,
// exponentials. Promise: an output row is a function of its own input row alone, bit for bit, whatever other
// rows travel beside it and however many threads work; so a sampled sequence cannot depend on its batch
// companions, on the size of prefill chunks, or on how much of a prefix was reused. Leaves out autograd,
// tensors and parallelism: callers split rows and panels among threads as they like.
//
// How the promise is kept: each output element is one chain of fused multiply-adds in ascending k, held in one
// vector lane; tiles only decide how many chains run at once. A library GEMM picks its blocking, hence its
// order of summation, by shape, and gives no such guarantee.
//
// One source (row_*.inc) is compiled for the build's own target and, on x86-64, for AVX-512; row_kernels()
// picks at run time. Bits may differ between the two, never within one process.
#pragma once
#include <cstdint>

namespace mira::kernels {

// Rows of a weight matrix [O,I] are packed in panels of 64: panel[p][k][64], the tail padded with zeros, so
// that one vector load serves 16 outputs.
inline constexpr int64_t kPanel = 64;
inline constexpr int64_t panels_of(int64_t rows) { return (rows + kPanel - 1) / kPanel; }
inline constexpr int64_t packed_size(int64_t rows, int64_t cols) { return panels_of(rows) * kPanel * cols; }

// Keys are stored 16 to a block: k block [D][16] (one lane per key), v block [16][D padded to 16].
inline constexpr int64_t kKeyBlock = 16;
inline constexpr int64_t padded_dim(int64_t head_dim) { return (head_dim + 15) / 16 * 16; }

// The keys one query sees, as at most two runs [begin, end) of storage indices, visited in this order.
struct KeyRuns { int64_t begin[2], end[2]; };

// One (query token, kv head): `group` query heads that share the kv head.
struct AttendArgs {
  const float* q;         // [group, D]
  const void *k, *v;      // this kv head in block 0
  int64_t k_stride, v_stride;  // elements from one block to the next
  int64_t group, head_dim;
  KeyRuns keys;
  float scale;
  float* out;             // [group, D]
  float* scratch;         // attend_scratch(group, number of keys) floats
};
inline constexpr int64_t attend_scratch(int64_t group, int64_t keys) {
  return group * (keys + 4 * kKeyBlock);
}

struct RowKernels {
  const char* target;  // "avx512" or "baseline"
  // y[t, 0..cols) = sum_k x[t,k] * panel[k][0..cols), t < rows; float32 accumulation. cols <= 64.
  void (*gemm_f32)(const float* x, int64_t ldx, int64_t rows, int64_t inner, const float* panel, float* y,
                   int64_t ldy, int64_t cols);
  void (*gemm_bf16)(const float* x, int64_t ldx, int64_t rows, int64_t inner, const uint16_t* panel, float* y,
                    int64_t ldy, int64_t cols);
  // y = x * rsqrt(mean(x^2) + eps) * gain, gain = 1 + stored offset. y may be x.
  void (*rms_norm)(const float* x, const float* gain, float eps, int64_t n, float* y);
  // NeoX halves: (a, b) -> (a cos - b sin, b cos + a sin) in place; cos, sin [half].
  void (*rope)(float* x, const float* cos, const float* sin, int64_t half);
  // y = gelu_tanh(gate) * up.
  void (*geglu)(const float* gate, const float* up, int64_t n, float* y);
  void (*add)(const float* a, const float* b, int64_t n, float* y);
  // Rounds to the nearest bfloat16, ties to even, in place.
  void (*round_bf16)(float* x, int64_t n);
  float (*max)(const float* x, int64_t n);
  bool (*all_finite)(const float* x, int64_t n);
  // y = exp((x - shift) * scale); exact zero for x = -inf. Within 2 ulp of std::exp above exp(-87), 0 below.
  void (*exp_scaled)(const float* x, float shift, float scale, int64_t n, float* y);
  void (*attend_f32)(const AttendArgs&);
  void (*attend_bf16)(const AttendArgs&);
};

const RowKernels& row_kernels();

}  // namespace mira::kernels
