// Batch-invariant attention; see exact_attention.cuh. One block per query and kv head walks the keys in order, 32 at
// a time, with the running softmax of FlashAttention. Tiles are counted from the first key the query sees, never from
// where keys are stored, and one block sees all keys: there is no split to choose. Query heads that share the kv head
// read keys and values together; their sums never meet.
#include "native/kernels/cuda/exact_attention.cuh"
#include "native/kernels/cuda/device.cuh"

namespace mira::kernels::cuda {
namespace {

constexpr int kThreads = 128, kWarps = kThreads / kWarp;
constexpr int kKeys = 32;  // per tile: one for each lane of the warp that does a head's softmax
constexpr int kMostDim = 256, kDimsPerThread = kMostDim / kThreads, kDimsPerLane = kMostDim / kWarp;

// Heads [head, head + G) of the group.
template <class S, int G>
__global__ void __launch_bounds__(kThreads)
    attention_kernel(const S* q, const S* k, const S* v, ExactKeys keys, S* out, int64_t Q, int64_t K, int64_t D,
                     float scale, int64_t head) {
  __shared__ float weights[G][kKeys];  // scores, then exp(score - top)
  __shared__ float shrink[G];          // what a new maximum does to the sums so far
  __shared__ float total[G];
  const int64_t t = blockIdx.x / K, kv = blockIdx.x % K, group = Q / K;
  const int thread = threadIdx.x, warp = thread / kWarp, lane = thread % kWarp;
  const int64_t start = keys.start[t], first = keys.first[t], count = keys.count[t];
  const auto row = [&](int64_t j) {
    const int64_t index = keys.capacity ? (first + j) % keys.capacity : first + j;
    return ((start + index) * K + kv) * D;
  };

  const int64_t own = (t * Q + kv * group + head) * D;
  float query[G][kDimsPerLane];
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < kDimsPerLane; ++i) {
      const int d = lane + i * kWarp;
      query[g][i] = d < D ? to_float(q[own + g * D + d]) * scale : 0.f;
    }

  float sums[G][kDimsPerThread] = {};
  float top = -INFINITY, mass = 0.f;  // of head `warp`, the same in all its lanes
  for (int64_t from = 0; from < count; from += kKeys) {
    const int n = count - from < kKeys ? static_cast<int>(count - from) : kKeys;
    for (int j = warp; j < n; j += kWarps) {
      float dot[G] = {};
      const S* key = k + row(from + j);
#pragma unroll
      for (int i = 0; i < kDimsPerLane; ++i) {
        const int d = lane + i * kWarp;
        const float x = d < D ? to_float(key[d]) : 0.f;
#pragma unroll
        for (int g = 0; g < G; ++g) dot[g] = fmaf(query[g][i], x, dot[g]);
      }
#pragma unroll
      for (int g = 0; g < G; ++g) {
        dot[g] = warp_sum(dot[g]);
        if (lane == 0) weights[g][j] = dot[g];
      }
    }
    __syncthreads();
    if (warp < G) {
      const float score = lane < n ? weights[warp][lane] : -INFINITY;
      float most = score;
#pragma unroll
      for (int step = kWarp / 2; step > 0; step /= 2) most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, step));
      const float higher = fmaxf(top, most);
      const float weight = lane < n ? expf(score - higher) : 0.f;
      const float factor = expf(top - higher);  // 0 before the first tile
      mass = mass * factor + warp_sum(weight);
      top = higher;
      weights[warp][lane] = weight;
      if (lane == 0) shrink[warp] = factor;
    }
    __syncthreads();
#pragma unroll
    for (int g = 0; g < G; ++g)
#pragma unroll
      for (int i = 0; i < kDimsPerThread; ++i) sums[g][i] *= shrink[g];
    for (int j = 0; j < n; ++j) {
      const S* value = v + row(from + j);
#pragma unroll
      for (int i = 0; i < kDimsPerThread; ++i) {
        const int d = thread + i * kThreads;
        const float x = d < D ? to_float(value[d]) : 0.f;
#pragma unroll
        for (int g = 0; g < G; ++g) sums[g][i] = fmaf(weights[g][j], x, sums[g][i]);
      }
    }
    __syncthreads();  // the next tile overwrites the weights
  }
  if (warp < G && lane == 0) total[warp] = mass;
  __syncthreads();
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < kDimsPerThread; ++i) {
      const int d = thread + i * kThreads;
      if (d < D) out[own + g * D + d] = from_float<S>(sums[g][i] / total[g]);
    }
}

}  // namespace

template <class S>
void exact_attention(const S* q, const S* k, const S* v, const ExactKeys& keys, S* out, int64_t T, int64_t Q, int64_t K,
                     int64_t D, float scale, cudaStream_t stream) {
  if (D > kMostDim)
    throw std::invalid_argument("exact_attention: expected a head dimension of at most " + std::to_string(kMostDim) +
                                ", got " + std::to_string(D) + ".");
  const int64_t group = Q / K;
  int64_t head = 0;
  const auto heads = [&](auto kernel, int64_t many) {
    for (; head + many <= group; head += many)
      launch(kernel, T * K, kThreads, 0, stream, q, k, v, keys, out, Q, K, D, scale, head);
  };
  heads(attention_kernel<S, 4>, 4);
  heads(attention_kernel<S, 2>, 2);
  heads(attention_kernel<S, 1>, 1);
}

template void exact_attention<float>(const float*, const float*, const float*, const ExactKeys&, float*, int64_t,
                                     int64_t, int64_t, int64_t, float, cudaStream_t);
template void exact_attention<Bf16>(const Bf16*, const Bf16*, const Bf16*, const ExactKeys&, Bf16*, int64_t, int64_t,
                                    int64_t, int64_t, float, cudaStream_t);

}  // namespace mira::kernels::cuda
