// GeGLU kernels; see geglu.cuh. gelu_tanh(g) = g sigmoid(2u) with u = sqrt(2/pi) (g + 0.044715 g^3). One thread per
// pack of a row.
#include "native/kernels/cuda/geglu.cuh"
#include "native/kernels/cuda/device.cuh"

namespace mira::kernels::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr float kTwoRoot = 1.5957691216057308f;  // 2 sqrt(2/pi)
constexpr float kCubic = 0.044715f;

__device__ float sigmoid_2u(float g) { return 1.f / (1.f + expf(-(g * kTwoRoot * (1.f + g * g * kCubic)))); }

template <class S, bool kAligned>
__global__ void __launch_bounds__(kThreads) forward_kernel(const S* gate_up, S* y, int64_t F, int64_t blocks_per_row) {
  constexpr int N = kPack<S>;
  const int64_t t = blockIdx.x / blocks_per_row, p = blockIdx.x % blocks_per_row * kThreads + threadIdx.x;
  if (p * N >= F) return;
  float g[N], u[N];
  load_pack<kAligned>(gate_up + t * 2 * F, p, F, g);
  load_pack<kAligned>(gate_up + t * 2 * F + F, p, F, u);
#pragma unroll
  for (int j = 0; j < N; ++j) g[j] = g[j] * sigmoid_2u(g[j]) * u[j];
  store_pack<kAligned>(y + t * F, p, F, g);
}

template <class S, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    backward_kernel(const S* dy, const S* gate_up, S* dx, int64_t F, int64_t blocks_per_row) {
  constexpr int N = kPack<S>;
  const int64_t t = blockIdx.x / blocks_per_row, p = blockIdx.x % blocks_per_row * kThreads + threadIdx.x;
  if (p * N >= F) return;
  float g[N], u[N], d[N];
  load_pack<kAligned>(gate_up + t * 2 * F, p, F, g);
  load_pack<kAligned>(gate_up + t * 2 * F + F, p, F, u);
  load_pack<kAligned>(dy + t * F, p, F, d);
#pragma unroll
  for (int j = 0; j < N; ++j) {
    const float s = sigmoid_2u(g[j]);
    // d/dg [g s(2u)] = s + g s (1 - s) 2u', 2u' = 2 sqrt(2/pi) (1 + 3 * 0.044715 g^2)
    const float slope = s + g[j] * s * (1.f - s) * (kTwoRoot * (1.f + g[j] * g[j] * (3.f * kCubic)));
    const float up = d[j] * g[j] * s;
    g[j] = d[j] * u[j] * slope;
    u[j] = up;
  }
  store_pack<kAligned>(dx + t * 2 * F, p, F, g);
  store_pack<kAligned>(dx + t * 2 * F + F, p, F, u);
}

}  // namespace

template <class S>
void geglu_forward(const S* gate_up, S* y, int64_t T, int64_t F, cudaStream_t stream) {
  const auto kernel = packed_rows<S>(F, gate_up, y) ? forward_kernel<S, true> : forward_kernel<S, false>;
  const int64_t per_row = divide_up(divide_up(F, kPack<S>), kThreads);
  launch(kernel, T * per_row, kThreads, 0, stream, gate_up, y, F, per_row);
}

template <class S>
void geglu_backward(const S* dy, const S* gate_up, S* dx, int64_t T, int64_t F, cudaStream_t stream) {
  const auto kernel = packed_rows<S>(F, dy, gate_up, dx) ? backward_kernel<S, true> : backward_kernel<S, false>;
  const int64_t per_row = divide_up(divide_up(F, kPack<S>), kThreads);
  launch(kernel, T * per_row, kThreads, 0, stream, dy, gate_up, dx, F, per_row);
}

template void geglu_forward<float>(const float*, float*, int64_t, int64_t, cudaStream_t);
template void geglu_forward<Bf16>(const Bf16*, Bf16*, int64_t, int64_t, cudaStream_t);
template void geglu_backward<float>(const float*, const float*, float*, int64_t, int64_t, cudaStream_t);
template void geglu_backward<Bf16>(const Bf16*, const Bf16*, Bf16*, int64_t, int64_t, cudaStream_t);

}  // namespace mira::kernels::cuda
