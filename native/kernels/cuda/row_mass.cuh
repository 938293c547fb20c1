// The softmax mass of one row of logits, computed by one block: the CUDA side of native/kernels/row_mass.h, and
// the one place from which logprob_rows and sampler take it, so that equal logits give equal bits in both.
// Device code only.
#pragma once
#include "native/kernels/cuda/device.cuh"

namespace mira::kernels::cuda {

inline constexpr unsigned kRowThreads = 1024;  // of every kernel that calls row_mass: its order of summation

struct RowMass {
  float peak;       // the largest logit
  double mass;      // sum of exp(z), z = (logit - peak) * scale
  double weighted;  // sum of z exp(z)
  bool finite;      // no logit is NaN or infinite
};

template <class T>
__device__ inline T block_max(T x) {
  __shared__ T parts[kWarp];
#pragma unroll
  for (int lane = kWarp / 2; lane > 0; lane /= 2) {
    const T other = __shfl_xor_sync(kAllLanes, x, lane);
    x = other > x ? other : x;
  }
  __syncthreads();  // nobody still reads the previous call's parts
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = x;
  __syncthreads();
  T most = parts[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp) most = parts[warp] > most ? parts[warp] : most;
  return most;
}

// One pass over the row: every thread keeps its own peak and rescales when it grows. All threads of a block of
// kRowThreads must call, and all get the result. A NaN makes mass NaN.
template <bool kAligned>
__device__ inline RowMass row_mass(const float* row, int64_t V, float scale) {
  constexpr int N = kPack<float>;
  float peak = -INFINITY;
  double mass = 0, weighted = 0;
  bool finite = true;
  for (int64_t p = threadIdx.x; p < divide_up(V, N); p += kRowThreads) {
    float x[N];
    load_pack<kAligned>(row, p, V, x);
    float top = peak;
#pragma unroll
    for (int j = 0; j < N; ++j)
      if (p * N + j < V) {
        top = x[j] > top ? x[j] : top;
        finite = finite && isfinite(x[j]);
      }
    if (top > peak) {
      const float shift = (peak - top) * scale, factor = peak == -INFINITY ? 0.f : expf(shift);
      weighted = factor > 0.f ? (weighted + mass * shift) * factor : 0.0;
      mass *= factor;
      peak = top;
    }
#pragma unroll
    for (int j = 0; j < N; ++j)
      if (p * N + j < V) {
        const float z = (x[j] - peak) * scale, e = expf(z);
        mass += e;
        weighted += e > 0.f ? e * z : e;
      }
  }
  RowMass r;
  r.peak = block_max(peak);
  const float shift = (peak - r.peak) * scale, factor = peak == -INFINITY ? 0.f : expf(shift);
  r.weighted = block_sum(factor > 0.f ? (weighted + mass * shift) * factor : 0.0);
  r.mass = block_sum(peak == -INFINITY && mass == 0 ? 0.0 : mass * factor);
  r.finite = block_sum(finite ? 0 : 1) == 0;
  return r;
}

// log softmax(logits * scale)[i] in nats, given logits[i]; scale = 1 / temperature in double, as on the CPU.
__device__ inline float row_logprob(float logit, float peak, double mass, double scale) {
  return static_cast<float>((static_cast<double>(logit) - peak) * scale - log(mass));
}

}  // namespace mira::kernels::cuda
