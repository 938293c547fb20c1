// Kernels over rows of logits; see logprob_rows.cuh.
#include "native/kernels/cuda/logprob_rows.cuh"
#include "native/kernels/cuda/row_mass.cuh"

namespace mira::kernels::cuda {
namespace {

constexpr int N = kPack<float>;

template <bool kAligned>
__global__ void __launch_bounds__(kRowThreads)
    forward_kernel(const float* logits, const int32_t* targets, double scale, float* logprob, float* entropy,
                   float* stats, float* probs, int64_t V) {
  const int64_t c = blockIdx.x;
  const float* row = logits + c * V;
  const float target = row[targets[c]];  // by every thread, before the barriers below: probs may be logits
  const float factor = static_cast<float>(scale);
  const RowMass r = row_mass<kAligned>(row, V, factor);
  if (threadIdx.x == 0) {
    logprob[c] = row_logprob(target, r.peak, r.mass, scale);
    const double log_mass = log(r.mass);
    if (entropy) entropy[c] = static_cast<float>(log_mass - r.weighted / r.mass);
    if (stats) {
      stats[2 * c] = r.peak;
      stats[2 * c + 1] = static_cast<float>(log_mass);
    }
  }
  if (!probs) return;
  const float inverse = static_cast<float>(1.0 / r.mass);
  for (int64_t p = threadIdx.x; p < divide_up(V, N); p += kRowThreads) {
    float x[N];
    load_pack<kAligned>(row, p, V, x);
#pragma unroll
    for (int j = 0; j < N; ++j) x[j] = expf((x[j] - r.peak) * factor) * inverse;
    store_pack<kAligned>(probs + c * V, p, V, x);
  }
}

template <bool kAligned>
__global__ void __launch_bounds__(kRowThreads)
    backward_kernel(float* probs, const int32_t* targets, double scale, const float* grad, int64_t V) {
  const int64_t c = blockIdx.x, target = targets[c];
  const float g = grad[c] * static_cast<float>(scale);
  for (int64_t p = threadIdx.x; p < divide_up(V, N); p += kRowThreads) {
    float x[N];
    load_pack<kAligned>(probs + c * V, p, V, x);
#pragma unroll
    for (int j = 0; j < N; ++j) x[j] = (p * N + j == target ? g : 0.f) - x[j] * g;
    store_pack<kAligned>(probs + c * V, p, V, x);
  }
}

// In rounds: all threads read 2 packs, and only then write, to half the distance from the row's start. What a round
// writes as bfloat16 ends before what the next one reads.
template <bool kAligned, bool kBf16>
__global__ void __launch_bounds__(kRowThreads)
    gradient_kernel(float* logits, const int32_t* targets, double scale, const float* stats, const float* grad,
                    int64_t V) {
  constexpr int M = kPack<Bf16>;
  const int64_t c = blockIdx.x, target = targets[c], groups = divide_up(V, M);
  float* row = logits + c * V;
  const float factor = static_cast<float>(scale), g = grad[c] * factor, peak = stats[2 * c], log_mass = stats[2 * c + 1];
  for (int64_t round = 0; round < groups; round += kRowThreads) {
    const int64_t group = round + threadIdx.x;
    float x[M];
    if (group < groups) {
      float half[2][N];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int j = 0; j < N; ++j) half[i][j] = 0.f;
        if ((group * 2 + i) * N < V) load_pack<kAligned>(row, group * 2 + i, V, half[i]);
#pragma unroll
        for (int j = 0; j < N; ++j) {
          const float p = expf((half[i][j] - peak) * factor - log_mass);
          x[i * N + j] = (group * M + i * N + j == target ? g : 0.f) - p * g;
        }
      }
      if constexpr (!kBf16) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
#pragma unroll
          for (int j = 0; j < N; ++j) half[i][j] = x[i * N + j];
          if ((group * 2 + i) * N < V) store_pack<kAligned>(row, group * 2 + i, V, half[i]);
        }
      }
    }
    if constexpr (kBf16) {
      __syncthreads();
      // V may be a multiple of 4 only: a last, half group is stored by elements.
      Bf16* narrow = reinterpret_cast<Bf16*>(row);
      if (group < groups) {
        if (kAligned && (group + 1) * M <= V) store_pack<true>(narrow, group, V, x);
        else store_pack<false>(narrow, group, V, x);
      }
      __syncthreads();
    }
  }
}

}  // namespace

void logprob_rows_forward(const float* logits, const int32_t* targets, double scale, float* logprob, float* entropy,
                          float* stats, float* probs, int64_t C, int64_t V, cudaStream_t stream) {
  const auto kernel = packed_rows<float>(V, logits, probs) ? forward_kernel<true> : forward_kernel<false>;
  launch(kernel, C, kRowThreads, 0, stream, logits, targets, scale, logprob, entropy, stats, probs, V);
}

void logprob_rows_backward(float* probs, const int32_t* targets, double scale, const float* grad, int64_t C, int64_t V,
                           cudaStream_t stream) {
  const auto kernel = packed_rows<float>(V, probs) ? backward_kernel<true> : backward_kernel<false>;
  launch(kernel, C, kRowThreads, 0, stream, probs, targets, scale, grad, V);
}

void logprob_rows_gradient(float* logits, const int32_t* targets, double scale, const float* stats, const float* grad,
                           bool bf16, int64_t C, int64_t V, cudaStream_t stream) {
  const bool packed = packed_rows<float>(V, logits);
  const auto kernel = bf16 ? packed ? gradient_kernel<true, true> : gradient_kernel<false, true>
                           : packed ? gradient_kernel<true, false> : gradient_kernel<false, false>;
  launch(kernel, C, kRowThreads, 0, stream, logits, targets, scale, stats, grad, V);
}

}  // namespace mira::kernels::cuda
